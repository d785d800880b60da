-- name: keep chain
-- An update, although of nothing: a chain that is there must not be pruned before its certificate is kept.
INSERT INTO chains (fingerprint) VALUES (:fingerprint)
ON CONFLICT (fingerprint) DO UPDATE SET fingerprint = excluded.fingerprint;

-- name: prune issued
-- The lock: one that somebody refers to at this moment is left for the next time.
DELETE FROM issued
WHERE
    id IN (
        SELECT i.id FROM issued AS i
        WHERE
            i.not_after < :before
            AND NOT EXISTS (SELECT 1 FROM certificates WHERE current_id = i.id)
            AND NOT EXISTS (SELECT 1 FROM deployments WHERE issued_id = i.id)
        ORDER BY i.not_after
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
RETURNING id;

-- name: prune chains
-- The lock: one that somebody refers to at this moment is left for the next time.
DELETE FROM chains
WHERE
    id IN (
        SELECT c.id FROM chains AS c
        WHERE NOT EXISTS (SELECT 1 FROM issued WHERE chain_id = c.id)
        FOR UPDATE SKIP LOCKED
    )
RETURNING id;
