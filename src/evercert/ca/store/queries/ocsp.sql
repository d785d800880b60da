-- name: status
-- Of a certificate.
SELECT issuer, revoked_at, reason FROM certificates WHERE serial = :serial;

-- name: response
-- That was signed before anybody asked.
SELECT der, this_update, next_update FROM ocsp_responses WHERE serial = :serial;

-- name: certificates to answer for
-- A page of all, with how new the answer about each is.
SELECT c.serial, c.issuer, c.not_after, c.revoked_at, r.this_update
FROM certificates AS c
LEFT JOIN ocsp_responses AS r ON c.serial = r.serial
WHERE c.serial > :after
ORDER BY c.serial
LIMIT :limit;

-- name: keep response
-- If its certificate is not revoked, and unless a newer one is there.
INSERT INTO ocsp_responses (serial, this_update, next_update, der)
SELECT serial, CAST(:this_update AS BIGINT), CAST(:next_update AS BIGINT), :der
FROM certificates WHERE serial = :serial AND revoked_at IS NULL
ON CONFLICT (serial) DO UPDATE SET
    this_update = excluded.this_update, next_update = excluded.next_update, der = excluded.der
WHERE ocsp_responses.this_update < excluded.this_update;

-- name: drop response
-- What it says is not so any more.
DELETE FROM ocsp_responses WHERE serial = :serial;
