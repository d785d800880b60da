-- name: free what dead orders were to replace
-- So that another order may.
UPDATE certificates SET replaced_by = NULL
WHERE
    replaced_by IN (
        SELECT id FROM orders WHERE expires_at < :before AND status IN ('pending', 'invalid')
        ORDER BY expires_at LIMIT :limit
    );

-- name: prune orders
-- Those that are over; a recurrent one once it has ended.
DELETE FROM orders
WHERE
    id IN (
        SELECT id FROM orders
        WHERE expires_at < :before AND status <> 'processing' AND recur_at IS NULL
        ORDER BY expires_at LIMIT :limit
    )
RETURNING id;

-- name: prune authorizations
-- Those that have ended and that no order shows any more.
DELETE FROM authorizations
WHERE
    id IN (
        SELECT a.id FROM authorizations AS a
        WHERE
            a.expires_at < :before
            AND NOT EXISTS (SELECT 1 FROM order_authorizations AS o WHERE o.authorization_id = a.id)
        ORDER BY a.expires_at LIMIT :limit
    )
RETURNING id;

-- name: prune certificates
-- Those that have expired, with their bytes.
DELETE FROM certificates
WHERE serial IN (SELECT serial FROM certificates WHERE not_after < :before ORDER BY not_after LIMIT :limit)
RETURNING serial;

-- name: prune limits
-- Buckets that are full again say nothing.
DELETE FROM limits WHERE bucket IN (SELECT bucket FROM limits WHERE arrival < :before ORDER BY arrival LIMIT :limit)
RETURNING bucket;

-- name: prune nonces
-- They are too old to come back.
DELETE FROM burned_nonces
WHERE nonce IN (SELECT nonce FROM burned_nonces WHERE expires_at < :before ORDER BY expires_at LIMIT :limit)
RETURNING nonce;

-- name: prune failures
-- That were not so many as to pause a name.
DELETE FROM pauses
WHERE
    (account_id, identifier) IN (
        SELECT account_id, identifier FROM pauses WHERE paused_at IS NULL AND changed_at < :before LIMIT :limit
    )
RETURNING failures;

-- name: prune pauses
-- Of names that nobody has asked for in a long time.
DELETE FROM pauses
WHERE
    (account_id, identifier) IN (SELECT account_id, identifier FROM pauses WHERE changed_at < :before LIMIT :limit)
RETURNING failures;

-- name: move audit anchor
-- The chain begins behind the newest record that is old enough, and never without its newest one.
UPDATE audit_anchor SET id = old.id, hash = old.hash
FROM (
    SELECT a.id, a.hash FROM audit AS a
    WHERE
        a.at < CAST(:before AS BIGINT)
        AND a.id < (SELECT max(b.id) FROM audit AS b)
        AND a.id <= (SELECT c.id FROM audit_anchor AS c) + CAST(:limit AS BIGINT)
    ORDER BY a.id DESC
    LIMIT 1
) AS old
WHERE audit_anchor.one = 1;

-- name: prune audit
-- What lies before the anchor.
DELETE FROM audit WHERE id <= (SELECT id FROM audit_anchor) RETURNING id;

-- name: give space back
-- To the file system, a portion at a time; whoever asks again gets the next one.
PRAGMA incremental_vacuum(2000);
