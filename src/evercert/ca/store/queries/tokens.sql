-- name: token
-- By its id, whether it is good or not.
SELECT id, digest, name, role, created_at, expires_at, revoked_at FROM admin_tokens WHERE id = :id;

-- name: tokens
-- All, newest first.
SELECT id, digest, name, role, created_at, expires_at, revoked_at
FROM admin_tokens ORDER BY created_at DESC, id LIMIT :limit;

-- name: add token
-- Good from now on.
INSERT INTO admin_tokens (id, digest, name, role, created_at, expires_at)
VALUES (:id, :digest, :name, :role, :created_at, :expires_at);

-- name: revoke token
-- For ever.
UPDATE admin_tokens SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL
RETURNING id;
