-- name: begin issuance
-- Key and CSR are durable; nothing was sent. One open issuance per certificate, and one rival: an index sees to it.
INSERT INTO issuances (certificate, account_id, status, key_id, csr, created_at, replaces, profile, cause, rival)
SELECT name, :account_id, 'keyed', :key_id, :csr, :created_at, :replaces, :profile, :cause, :rival
FROM certificates WHERE name = :certificate AND (CAST(:intent AS TEXT) = '' OR intent = :intent)
RETURNING id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile;

-- name: issuance
-- By its number.
SELECT id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile
FROM issuances WHERE id = :id;

-- name: open issuances
-- Those of that certificate that have not ended: one, or two at two CAs.
SELECT id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile
FROM issuances WHERE certificate = :certificate AND ended_at IS NULL ORDER BY rival;

-- name: issuance is placing
-- newOrder may be sent; unless it is paid for now, it may have been sent before.
UPDATE issuances SET status = 'placing', paid = paid || :paid WHERE id = :id AND status IN ('keyed', :other)
RETURNING id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile;

-- name: drop replaces
-- The next newOrder names no predecessor.
UPDATE issuances SET replaces = '', paid = paid || :paid WHERE id = :id AND status = 'placing'
RETURNING id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile;

-- name: issuance is ordered
-- Its order is known from now on.
UPDATE issuances SET status = 'ordered', order_url = :order_url WHERE id = :id AND status = 'placing'
RETURNING id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile;

-- name: issuance is issued
-- The certificate is kept in the same transaction; the request, of no octets then, has served.
UPDATE issuances SET status = 'issued', ended_at = :now, csr = :csr WHERE id = :id AND status = 'ordered';

-- name: issuance is issued late
-- Another one was first; its certificate is kept all the same.
UPDATE issuances SET status = 'issued', withdraw_at = NULL, csr = :csr WHERE id = :id AND status = 'abandoned';

-- name: paid for issuance
-- The buckets of certificates that its order drew on.
SELECT paid FROM issuances WHERE id = :id;

-- name: abandon issuance
-- Given up; another may begin. What was ordered, or may have been, is to be withdrawn.
UPDATE issuances
SET
    status = 'abandoned',
    ended_at = :now,
    reason = :reason,
    withdraw_at = CASE WHEN status <> 'keyed' AND :lost = 0 THEN CAST(:now AS BIGINT) END
WHERE id = :id AND ended_at IS NULL;

-- name: issuances begun since
-- Of that certificate, the newest first; none from before a person last looked after it.
SELECT o.account_id, o.cause, o.status, o.order_url <> '' AS was_ordered, o.created_at
FROM certificates AS c
INNER JOIN issuances AS o ON o.certificate = c.name
WHERE c.name = :certificate AND o.cause <> '' AND o.created_at > :since AND o.created_at > c.counted_from
ORDER BY o.id DESC
LIMIT :limit;

-- name: issuances to withdraw
-- Given up, with an order at the CA that may still be open there; when they were given up.
SELECT id, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile, ended_at
FROM issuances WHERE certificate = :certificate AND withdraw_at <= :now ORDER BY id;

-- name: withdraw later
-- Or, where there is no moment, never again.
UPDATE issuances SET withdraw_at = :withdraw_at WHERE id = :id AND status = 'abandoned';

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
