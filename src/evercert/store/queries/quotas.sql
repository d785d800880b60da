-- name: issued since
-- What a CA issued to us lately: whose account, for which names, when; newest first.
SELECT accounts.id, certificates.intent, issued.issued_at
FROM issued
JOIN issuances ON issuances.id = issued.issuance_id
JOIN accounts ON accounts.id = issuances.account_id
JOIN certificates ON certificates.name = issued.certificate
WHERE accounts.ca = :ca AND issued.issued_at >= :since
ORDER BY issued.issued_at DESC
LIMIT :limit;

-- name: orders since
-- How many orders an account placed lately, and when the first of them was.
SELECT COUNT(*), MIN(created_at)
FROM issuances
WHERE account_id = :account_id AND order_url <> '' AND created_at >= :since;
