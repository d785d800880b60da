-- name: list certificate
-- From now on it is in every list of its issuer that is made.
INSERT INTO revocations (issuer, partition, serial, revoked_at, reason, not_after, entry)
VALUES (:issuer, :partition, :serial, :revoked_at, :reason, :not_after, :entry);

-- name: count revocation
-- A list that knows fewer than this is behind.
INSERT INTO crl_scopes (issuer, partition, revoked) VALUES (:issuer, :partition, 1)
ON CONFLICT (issuer, partition) DO UPDATE SET revoked = crl_scopes.revoked + 1;

-- name: entries
-- A portion of a scope's, oldest first.
SELECT revoked_at, serial, entry FROM revocations
WHERE issuer = :issuer AND partition = :partition AND (revoked_at, serial) > (:revoked_at, :serial)
ORDER BY revoked_at, serial
LIMIT :limit;

-- name: forget expired entries
-- Those that a list has held after their certificates' end.
DELETE FROM revocations
WHERE
    (issuer, partition, revoked_at, serial) IN (
        SELECT issuer, partition, revoked_at, serial FROM revocations
        WHERE not_after < :before AND issuer = :issuer AND revoked_at < :before
        ORDER BY not_after
        LIMIT :limit
    )
RETURNING serial;
