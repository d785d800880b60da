-- name: add certificate
-- What was signed, but for its bytes.
INSERT INTO certificates (
    serial, account_id, order_id, issuer, profile, identifiers, not_before, not_after, issued_at, key_digest,
    crl_partition
)
VALUES (
    :serial, :account_id, :order_id, :issuer, :profile, :identifiers, :not_before, :not_after, :issued_at, :key_digest,
    :crl_partition
);

-- name: add certificate body
-- Its DER.
INSERT INTO certificate_bodies (serial, der) VALUES (:serial, :der);

-- name: certificate
-- By its serial number.
SELECT
    serial, account_id, order_id, issuer, profile, identifiers, not_before, not_after, issued_at, key_digest,
    revoked_at, reason, replaced_by, window_start, window_end, explanation, crl_partition
FROM certificates WHERE serial = :serial;

-- name: certificate with its body
-- By its serial number.
SELECT
    c.serial, c.account_id, c.order_id, c.issuer, c.profile, c.identifiers, c.not_before, c.not_after, c.issued_at,
    c.key_digest, c.revoked_at, c.reason, c.replaced_by, c.window_start, c.window_end, c.explanation, c.crl_partition,
    b.der
FROM certificates AS c
INNER JOIN certificate_bodies AS b ON b.serial = c.serial
WHERE c.serial = :serial;

-- name: certificate body
-- Its DER.
SELECT der FROM certificate_bodies WHERE serial = :serial;

-- name: revoke certificate
-- Once.
UPDATE certificates SET revoked_at = :now, reason = :reason WHERE serial = :serial AND revoked_at IS NULL
RETURNING serial;

-- name: block key
-- Nobody is certified for it again.
INSERT INTO blocked_keys (key_digest, blocked_at, reason) VALUES (:key_digest, :now, :reason)
ON CONFLICT (key_digest) DO NOTHING;

-- name: key is blocked
-- One row if it is.
SELECT reason FROM blocked_keys WHERE key_digest = :key_digest;

-- name: certificates of a key
-- Those that are neither expired nor revoked.
SELECT serial FROM certificates WHERE key_digest = :key_digest AND revoked_at IS NULL AND not_after > :now LIMIT :limit;

-- name: free replaced certificate
-- If the order that was to replace it has come to nothing.
UPDATE certificates SET replaced_by = NULL
WHERE
    serial = :serial
    AND EXISTS (
        SELECT 1 FROM orders AS o
        WHERE
            o.id = certificates.replaced_by
            AND (
                o.status = 'invalid'
                OR (
                    o.status = 'pending'
                    AND (
                        o.expires_at <= :now
                        OR EXISTS (
                            SELECT 1
                            FROM order_authorizations AS l
                            INNER JOIN authorizations AS a ON l.authorization_id = a.id
                            WHERE l.order_id = o.id AND (a.status NOT IN ('pending', 'valid') OR a.expires_at <= :now)
                        )
                    )
                )
            )
    );

-- name: replace certificate
-- One order replaces it, and no other.
UPDATE certificates SET replaced_by = :order_id WHERE serial = :serial AND replaced_by IS NULL
RETURNING serial;
