-- name: order
-- By its number.
SELECT
    id, account_id, status, identifiers, profile, expires_at, created_at, replaces, not_before, not_after, csr,
    certificate, error, recurrence
FROM orders WHERE id = :id;

-- name: authorizations of an order
-- In the order of its identifiers.
SELECT a.id, a.status, a.expires_at
FROM order_authorizations AS o
INNER JOIN authorizations AS a ON o.authorization_id = a.id
WHERE o.order_id = :id
ORDER BY o.position;

-- name: identical order
-- The newest that is still open and asked for the same.
SELECT id FROM orders
WHERE account_id = :account_id AND digest = :digest AND status = 'pending' AND expires_at > :alive
ORDER BY id DESC
LIMIT 1;

-- name: add order
-- Pending.
INSERT INTO orders (
    id, account_id, status, identifiers, digest, profile, replaces, not_before, not_after, recurrence, created_at,
    expires_at
)
VALUES (
    :id, :account_id, 'pending', :identifiers, :digest, :profile, :replaces, :not_before, :not_after, :recurrence,
    :created_at, :expires_at
);

-- name: link authorization
-- What one of its identifiers waits for.
INSERT INTO order_authorizations (order_id, position, authorization_id) VALUES (:order_id, :position, :id);

-- name: begin processing
-- If everything is proved now; the request is kept with it, so that whoever comes after a crash goes on.
UPDATE orders SET status = 'processing', csr = :csr, processing_until = :until
WHERE
    id = :id
    AND status = 'pending'
    AND expires_at > :now
    AND NOT EXISTS (
        SELECT 1
        FROM order_authorizations AS o
        INNER JOIN authorizations AS a ON o.authorization_id = a.id
        WHERE o.order_id = orders.id AND (a.status <> 'valid' OR a.expires_at <= :now)
    )
RETURNING id;

-- name: finish order
-- One order, one certificate, if whoever has it is still at the order: a turn ends later than every one before.
-- A key that was blocked meanwhile gets none, and an order that recurs is there as long as it does.
UPDATE orders SET
    status = 'valid', certificate = :serial, processing_until = NULL, recur_at = :recur_at,
    expires_at = CASE WHEN expires_at < CAST(:end AS BIGINT) THEN CAST(:end AS BIGINT) ELSE expires_at END
WHERE
    id = :id AND status = 'processing' AND processing_until = :turn
    AND NOT EXISTS (SELECT 1 FROM blocked_keys WHERE key_digest = :key_digest)
RETURNING id;

-- name: next certificate of an order
-- Of a recurrent one, if it is still to recur and nobody else has taken it.
UPDATE orders SET certificate = :serial, recur_at = :recur_at
WHERE
    id = :id AND status = 'valid' AND certificate = :before AND recur_at = :turn
    AND NOT EXISTS (SELECT 1 FROM blocked_keys WHERE key_digest = :key_digest)
RETURNING id;

-- name: put off recurrence
-- Its next certificate is tried for again then.
UPDATE orders SET recur_at = :recur_at WHERE id = :id AND status = 'valid' AND recur_at = :turn
RETURNING id;

-- name: end recurrence
-- With the reason as its owner sees it: there will be no further certificate.
UPDATE orders SET status = 'canceled', error = :error, recur_at = NULL
WHERE id = :id AND status = 'valid' AND recur_at = :turn
RETURNING id;

-- name: fail order
-- With the reason as its owner sees it, if whoever gives it is still at the order.
UPDATE orders SET status = 'invalid', error = :error, processing_until = NULL
WHERE id = :id AND status = 'processing' AND processing_until = :turn
RETURNING id;

-- name: cancel order
-- A recurrent one that has begun.
UPDATE orders SET status = 'canceled', recur_at = NULL
WHERE id = :id AND recurrence <> '' AND status = 'valid'
RETURNING id;

-- name: orders of an account
-- A page of those that are not invalid.
SELECT id FROM orders
WHERE account_id = :account_id AND id > :after AND status <> 'invalid' AND (status <> 'pending' OR expires_at > :now)
ORDER BY id
LIMIT :limit;

-- name: sets of an account
-- What a portion of its orders was for, those before the one of that number, newest first.
SELECT id, identifiers FROM orders
WHERE account_id = :account_id AND id < :before
ORDER BY id DESC
LIMIT :limit;

-- name: take over orders
-- Those whose node has not finished in its time are this node's now.
UPDATE orders SET processing_until = :until
WHERE
    id IN (
        SELECT id FROM orders WHERE status = 'processing' AND processing_until < :now
        ORDER BY processing_until
        LIMIT :limit
    )
    AND processing_until < :now
RETURNING id;

-- name: take recurring orders
-- Those whose next certificate is due are this node's for a while.
UPDATE orders SET recur_at = :until
WHERE
    id IN (SELECT id FROM orders WHERE recur_at <= :now ORDER BY recur_at LIMIT :limit)
    AND recur_at <= :now
RETURNING id;

