-- name: begin issuance
-- Key and CSR are durable; nothing was sent. One open issuance per certificate: an index sees to it.
INSERT INTO issuances (certificate, account_id, status, key_id, csr, created_at, replaces, profile, cause)
SELECT name, :account_id, 'keyed', :key_id, :csr, :created_at, :replaces, :profile, :cause
FROM certificates WHERE name = :certificate AND (CAST(:intent AS TEXT) = '' OR intent = :intent)
RETURNING id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile;

-- name: issuance
-- By its number.
SELECT id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile
FROM issuances WHERE id = :id;

-- name: open issuance
-- The one of that certificate that has not ended.
SELECT id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile
FROM issuances WHERE certificate = :certificate AND ended_at IS NULL AND rival = 0;

-- name: issuance is placing
-- newOrder may be sent; unless it is paid for now, it may have been sent before.
UPDATE issuances SET status = 'placing' WHERE id = :id AND status IN ('keyed', :other)
RETURNING id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile;

-- name: drop replaces
-- The next newOrder names no predecessor.
UPDATE issuances SET replaces = '' WHERE id = :id AND status = 'placing'
RETURNING id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile;

-- name: issuance is ordered
-- Its order is known from now on.
UPDATE issuances SET status = 'ordered', order_url = :order_url WHERE id = :id AND status = 'placing'
RETURNING id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile;

-- name: issuance is issued
-- The certificate is kept in the same transaction.
UPDATE issuances SET status = 'issued', ended_at = :now WHERE id = :id AND status = 'ordered';

-- name: abandon issuance
-- Given up; another may begin.
UPDATE issuances SET status = 'abandoned', ended_at = :now, reason = :reason
WHERE id = :id AND ended_at IS NULL;

-- name: issuances begun since
-- Of that certificate, the newest first; none from before a person last looked after it.
SELECT o.account_id, o.cause, o.status, o.order_url <> '' AS was_ordered, o.created_at
FROM certificates AS c
INNER JOIN issuances AS o ON o.certificate = c.name
WHERE c.name = :certificate AND o.cause <> '' AND o.created_at > :since AND o.created_at > c.counted_from
ORDER BY o.id DESC
LIMIT :limit;

-- name: known order urls
-- Every order of the account that some issuance knows.
SELECT order_url FROM issuances WHERE account_id = :account_id AND order_url <> '';

-- name: prune issuances
-- Ended before that moment, with nothing left outside and no certificate that came of it.
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
    )
RETURNING id;
