-- name: declared digests
-- What the declaration said last of each of its certificates.
SELECT name, digest FROM certificates WHERE digest <> '';

-- name: declared count
-- How many there are.
SELECT count(*) FROM certificates WHERE digest <> '';

-- name: certificate names
-- All of them, by hand or declared.
SELECT name FROM certificates;

-- name: incomplete certificates
-- For which none has been issued yet, or not for all of their names; and what they have.
SELECT c.name, i.names
FROM certificates AS c
LEFT JOIN issued AS i ON i.id = c.current_id
WHERE c.current_id IS NULL OR c.forced = 1 OR c.left_out <> '';

-- name: merged certificates
-- Those whose names begin like that.
SELECT intent FROM certificates WHERE name >= :first AND name < :end;

-- name: keep undeclared
-- From now on it is wanted by hand.
UPDATE certificates SET digest = '' WHERE name = :name AND digest <> '';

-- name: let go
-- It is to go as soon as somebody sees to it.
UPDATE certificates
SET digest = '', leaving = :how, forced = 0, retry_at = NULL, next_action_at = :now, woken = 1
WHERE name = :name AND digest = :digest;

-- name: what was applied
-- The declaration as it was when it was applied last.
SELECT digest, files, certificates FROM declaration;

-- name: note what was applied
-- It is that one now.
INSERT INTO declaration (one, digest, files, certificates, applied_at)
VALUES (1, :digest, :files, :certificates, :now)
ON CONFLICT (one) DO UPDATE SET
    digest = excluded.digest, files = excluded.files, certificates = excluded.certificates,
    applied_at = excluded.applied_at;
