-- A million certificates take less room.

-- Of every intent that is stored, what only repeats a default goes (model/intent.py). A name, an option or any other text
-- cannot look like one of these, for its quotes are escaped; an option's value is a text, never a number, a word or a
-- list; and options are sorted, so that none that is called "lifetime" comes after one that is called "preferred_chain".
UPDATE certificates
SET
    intent =
    replace(replace(replace(replace(replace(replace(
    replace(replace(replace(replace(replace(replace(
    replace(replace(replace(replace(replace(
        intent,
        ',"key_type":"ec256","reuse_key":false', ''),
        ',"key_type":"ec256","reuse_key":true', ',"reuse_key":true'),
        ',"reuse_key":false', ''),
        ',"profile":"","profile_required":false', ''),
        ',"profile":"","profile_required":true', ',"profile_required":true'),
        ',"profile_required":false', ''),
        ',"preferred_chain":"","lifetime":', ',"lifetime":'),
        ',"lifetime":0,', ','),
        ',"must_staple":false', ''),
        ',"csr":"","challenges":', ',"challenges":'),
        ',"challenges":[],"targets":', ',"targets":'),
        ',"targets":[],"renew":', ',"renew":'),
        '},"label":""}', '}}'),
        ',"options":{}', ''),
        '"fraction":null,"use_ari":true', ''),
        '"fraction":null,"use_ari":false', '"use_ari":false'),
        ',"use_ari":true}', '}');
