-- name: orders at a ca
-- What was ordered there lately: by which account, for which names, when, and whether a certificate came or may come of it.
SELECT accounts.name, certificates.intent, issuances.created_at, issuances.replaces, issuances.status
FROM issuances
JOIN accounts ON accounts.id = issuances.account_id
JOIN certificates ON certificates.name = issuances.certificate
WHERE accounts.ca = :ca AND issuances.status NOT IN ('keyed') AND issuances.created_at >= :since
ORDER BY issuances.created_at DESC
LIMIT :limit;

-- name: certificates from elsewhere
-- What was imported and is not old: certificates that other programs ordered.
SELECT certificates.intent, issued.not_before
FROM issued
JOIN certificates ON certificates.name = issued.certificate
WHERE issued.issuance_id IS NULL AND issued.not_before >= :since
ORDER BY issued.not_before DESC
LIMIT :limit;

-- name: how orders ended
-- Of the orders that ended lately, the newest: how many there are, and how many came to nothing.
SELECT count(*), COALESCE(sum(CASE WHEN last.status = 'abandoned' THEN 1 ELSE 0 END), 0)
FROM (
    SELECT status FROM issuances
    WHERE ended_at >= :since AND (status = 'issued' OR order_url <> '')
    ORDER BY ended_at DESC
    LIMIT :limit
) AS last;
