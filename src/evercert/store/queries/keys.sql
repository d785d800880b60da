-- name: add key
-- A sealed key; one that is there already keeps its number, and counts as new.
INSERT INTO keys (purpose, fingerprint, sealed, created_at)
VALUES (:purpose, :fingerprint, :sealed, :created_at)
ON CONFLICT (purpose, fingerprint) DO UPDATE SET created_at = excluded.created_at
RETURNING id;

-- name: sealed key
-- What is needed to open it.
SELECT purpose, fingerprint, sealed FROM keys WHERE id = :id;

-- name: delete unused key
-- One key, unless something refers to it.
DELETE FROM keys
WHERE
    id = :id
    AND NOT EXISTS (SELECT 1 FROM issued WHERE key_id = :id)
    AND NOT EXISTS (SELECT 1 FROM issuances WHERE key_id = :id)
    AND NOT EXISTS (SELECT 1 FROM accounts WHERE key_id = :id OR next_key_id = :id);

-- name: prune keys
-- Keys of that age that nothing refers to: their process died between making and using them.
DELETE FROM keys
WHERE
    id IN (
        SELECT k.id FROM keys AS k
        WHERE
            k.created_at < :before
            AND NOT EXISTS (SELECT 1 FROM issued WHERE key_id = k.id)
            AND NOT EXISTS (SELECT 1 FROM issuances WHERE key_id = k.id)
            AND NOT EXISTS (SELECT 1 FROM accounts WHERE key_id = k.id OR next_key_id = k.id)
        LIMIT :limit
    )
RETURNING id;

-- name: any key
-- Whether anything is sealed here.
SELECT id FROM keys LIMIT 1;
