-- name: begin issuance
-- The lock: whoever changes the intent meanwhile sees this issuance, or this one sees the change.
INSERT INTO issuances (certificate, account_id, status, key_id, csr, created_at, replaces, profile, cause, rival)
SELECT name, :account_id, 'keyed', :key_id, :csr, :created_at, :replaces, :profile, :cause, :rival
FROM certificates WHERE name = :certificate AND (:intent = '' OR intent = :intent)
FOR NO KEY UPDATE
RETURNING id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile;

-- name: prune issuances
-- The lock: one that somebody refers to at this moment is left for the next time.
DELETE FROM issuances
WHERE
    id IN (
        SELECT o.id FROM issuances AS o
        WHERE
            o.ended_at < :before
            AND NOT EXISTS (SELECT 1 FROM presented WHERE issuance_id = o.id)
            AND NOT EXISTS (SELECT 1 FROM issued WHERE issuance_id = o.id)
        ORDER BY o.ended_at
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
RETURNING id;
