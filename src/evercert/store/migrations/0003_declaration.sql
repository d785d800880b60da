-- What is wanted may be declared in files: of each certificate a digest of what they say, so that a hundred thousand
-- of them are compared without being read.

-- Every intent has terms now; where nothing is said, they are empty (model/terms.py).
UPDATE certificates SET intent = substr(intent, 1, length(intent) - 1) || ',"terms":{}}';

-- Empty for one that was obtained by hand.
ALTER TABLE certificates ADD COLUMN digest TEXT NOT NULL DEFAULT '';
-- 'delete' or 'revoke': it is declared no longer, and is to go.
ALTER TABLE certificates ADD COLUMN leaving TEXT NOT NULL DEFAULT '' CHECK (leaving IN ('', 'delete', 'revoke'));

CREATE INDEX certificates_declared ON certificates (name, digest) WHERE digest <> '';

-- What was applied last: one row, or none.
CREATE TABLE declaration (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    digest TEXT NOT NULL, -- of all its files and of what they depend on
    files TEXT NOT NULL, -- the lists of names that it read besides
    certificates BIGINT NOT NULL, -- how many it declares
    applied_at BIGINT NOT NULL
);

DROP VIEW facts;

CREATE VIEW facts AS
SELECT
    c.name,
    c.next_action_at,
    c.intent,
    c.failures,
    c.retry_at,
    c.failure,
    c.forced,
    c.ari_poll_at,
    c.created_at,
    c.leaving,
    i.id AS issued_id,
    i.certificate AS issued_certificate,
    i.issuance_id AS issued_issuance_id,
    i.key_id AS issued_key_id,
    i.serial,
    i.not_before,
    i.not_after,
    i.fingerprint,
    i.issuer,
    i.ari_id,
    i.issued_at,
    i.revoked_at,
    o.id AS open_id,
    o.certificate AS open_certificate,
    o.account_id AS open_account_id,
    o.status AS open_status,
    o.key_id AS open_key_id,
    o.csr AS open_csr,
    o.created_at AS open_created_at,
    o.order_url AS open_order_url,
    o.replaces AS open_replaces,
    o.profile AS open_profile,
    r.window_start,
    r.window_end,
    r.moment,
    r.poll_at,
    r.explanation_url
FROM certificates AS c
LEFT JOIN issued AS i ON i.id = c.current_id
LEFT JOIN issuances AS o ON o.certificate = c.name AND o.ended_at IS NULL
LEFT JOIN renewals AS r ON r.issued_id = c.current_id;
