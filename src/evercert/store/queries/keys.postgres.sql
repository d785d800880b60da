-- name: add key
-- The same; here a digest is found by its octets.
INSERT INTO keys (purpose, fingerprint, sealed, created_at)
VALUES (:purpose, :fingerprint, :sealed, :created_at)
ON CONFLICT (purpose, decode(fingerprint, 'hex')) DO UPDATE SET created_at = excluded.created_at
RETURNING id;

-- name: prune keys
-- The lock: one that somebody refers to at this moment is left for the next time.
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
        FOR UPDATE SKIP LOCKED
    )
RETURNING id;
