-- name: secret
-- Sealed.
SELECT sealed FROM secrets WHERE name = :name;

-- name: add secret
-- The first one that is written stays.
INSERT INTO secrets (name, sealed) VALUES (:name, :sealed) ON CONFLICT (name) DO NOTHING;

-- name: burn nonce
-- Touches no row if it was used before.
INSERT INTO burned_nonces (nonce, expires_at) VALUES (:nonce, :expires_at) ON CONFLICT (nonce) DO NOTHING
RETURNING nonce;
