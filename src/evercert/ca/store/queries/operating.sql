-- name: find certificates
-- Newest first; an empty or zero value asks for all.
SELECT
    serial, account_id, order_id, issuer, profile, identifiers, not_before, not_after, issued_at, key_digest,
    revoked_at, reason, replaced_by, window_start, window_end, explanation, crl_partition
FROM certificates
WHERE
    issued_at >= CAST(:issued_from AS BIGINT)
    AND issued_at < CAST(:issued_before AS BIGINT)
    AND not_after > CAST(:alive_at AS BIGINT)
    AND (issued_at, serial) < (CAST(:page_at AS BIGINT), CAST(:page_serial AS TEXT))
    AND (CAST(:serial AS TEXT) = '' OR serial LIKE CAST(:serial AS TEXT) ESCAPE '\')
    AND (CAST(:name AS TEXT) = '' OR identifiers LIKE CAST(:name AS TEXT) ESCAPE '\')
    AND (CAST(:issuer AS TEXT) = '' OR issuer = :issuer)
    AND (CAST(:profile AS TEXT) = '' OR profile = :profile)
    AND (CAST(:account_id AS BIGINT) = 0 OR account_id = :account_id)
    AND (CAST(:key_digest AS TEXT) = '' OR key_digest = :key_digest)
    AND (CAST(:revoked AS BIGINT) = 0 OR revoked_at IS NOT NULL)
    AND (CAST(:unrevoked AS BIGINT) = 0 OR revoked_at IS NULL)
ORDER BY issued_at DESC, serial DESC
LIMIT :limit;

-- name: move window
-- Its holder is asked to renew then.
UPDATE certificates SET window_start = :start, window_end = :end, explanation = :explanation WHERE serial = :serial;

-- name: put windows back
-- Those that were moved for that reason.
UPDATE certificates SET window_start = NULL, window_end = NULL, explanation = ''
WHERE window_start IS NOT NULL AND explanation = :explanation
RETURNING serial;

-- name: incidents
-- Whose windows were moved, by the reason, with how many are not replaced yet.
SELECT explanation, min(window_start), max(window_end), count(*), count(replaced_by)
FROM certificates WHERE window_start IS NOT NULL
GROUP BY explanation
ORDER BY explanation;

-- name: count accounts
-- By status.
SELECT status, count(*) FROM accounts GROUP BY status ORDER BY status;

-- name: count orders
-- By status, as it is stored.
SELECT status, count(*) FROM orders GROUP BY status ORDER BY status;

-- name: count certificates
-- By profile: all, those that live, those of them that are revoked, those issued since a moment.
SELECT
    profile,
    count(*),
    sum(CASE WHEN not_after > CAST(:now AS BIGINT) AND revoked_at IS NULL THEN 1 ELSE 0 END),
    sum(CASE WHEN not_after > CAST(:now AS BIGINT) AND revoked_at IS NOT NULL THEN 1 ELSE 0 END),
    sum(CASE WHEN issued_at > CAST(:since AS BIGINT) THEN 1 ELSE 0 END)
FROM certificates
GROUP BY profile
ORDER BY profile;

-- name: latest records
-- The newest of the audit, newest first; of one kind where one is named.
SELECT id, at, kind, body, hash FROM audit
WHERE
    (CAST(:kind AS TEXT) = '' OR kind = :kind)
    AND (CAST(:before AS BIGINT) = 0 OR id < :before)
ORDER BY id DESC
LIMIT :limit;

-- name: accounts of the ca
-- Newest first.
SELECT id, jwk, thumbprint, status, contacts, terms_agreed_at, eab_kid, created_at
FROM accounts
WHERE CAST(:before AS BIGINT) = 0 OR id < :before
ORDER BY id DESC
LIMIT :limit;
