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
