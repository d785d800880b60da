-- name: declared digests
-- What the declaration said last of each of its certificates.
SELECT name, digest FROM certificates WHERE digest <> '';

-- name: declared count
-- How many there are.
SELECT count(*) FROM certificates WHERE digest <> '';

-- name: certificate names
-- All of them, by hand or declared.
SELECT name FROM certificates;

-- name: names without a certificate
-- For which none has been issued yet.
SELECT name FROM certificates WHERE current_id IS NULL;

-- name: keep undeclared
-- From now on it is wanted by hand.
UPDATE certificates SET digest = '' WHERE name = :name AND digest <> '';

-- name: let go
-- It is to go as soon as somebody sees to it.
UPDATE certificates
SET digest = '', leaving = :how, forced = 0, retry_at = NULL, next_action_at = :now, woken = 1
WHERE name = :name AND digest <> '';

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
