-- name: external key
-- By the id that its customer was given.
SELECT
    kid, sealed, algorithms, label, reusable, authorizes, names, profiles, uses, created_at, expires_at, revoked_at
FROM eab_keys WHERE kid = :kid;

-- name: external keys
-- All, newest first.
SELECT
    kid, sealed, algorithms, label, reusable, authorizes, names, profiles, uses, created_at, expires_at, revoked_at
FROM eab_keys ORDER BY created_at DESC, kid LIMIT :limit;

-- name: add external key
-- Not used yet.
INSERT INTO eab_keys (kid, sealed, algorithms, label, reusable, authorizes, names, profiles, created_at, expires_at)
VALUES (:kid, :sealed, :algorithms, :label, :reusable, :authorizes, :names, :profiles, :created_at, :expires_at);

-- name: use external key
-- If it may be used still.
UPDATE eab_keys SET uses = uses + 1
WHERE
    kid = :kid AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now) AND (reusable = 1 OR uses = 0)
RETURNING kid;

-- name: revoke external key
-- Accounts that are bound to it stay; what it authorized ends with it.
UPDATE eab_keys SET revoked_at = :now WHERE kid = :kid AND revoked_at IS NULL
RETURNING kid;
