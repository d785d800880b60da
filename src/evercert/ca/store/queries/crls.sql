-- name: add scope
-- Idempotent.
INSERT INTO crl_scopes (issuer, partition) VALUES (:issuer, :partition) ON CONFLICT (issuer, partition) DO NOTHING;

-- name: scopes
-- Of an issuer, with how many revocations there were in each.
SELECT partition, revoked FROM crl_scopes WHERE issuer = :issuer ORDER BY partition;

-- name: draw number
-- The next one of a scope, and how many revocations a list that is read from now on knows at least.
UPDATE crl_scopes SET number = number + 1 WHERE issuer = :issuer AND partition = :partition
RETURNING number, revoked;

-- name: move numbers ahead
-- Of every scope: the numbers between are never drawn.
UPDATE crl_scopes SET number = number + :ahead;

-- name: lists
-- The newest of an issuer.
SELECT issuer, partition, delta, number, base, this_update, next_update, revoked, entries, octets, digest, bases
FROM crls WHERE issuer = :issuer
ORDER BY partition, delta;

-- name: all lists
-- The newest of each kind.
SELECT issuer, partition, delta, number, base, this_update, next_update, revoked, entries, octets, digest, bases
FROM crls ORDER BY issuer, partition, delta;

-- name: list
-- The newest of its kind.
SELECT issuer, partition, delta, number, base, this_update, next_update, revoked, entries, octets, digest, bases
FROM crls WHERE issuer = :issuer AND partition = :partition AND delta = :delta;

-- name: add piece
-- Nobody looks for it before its list is there.
INSERT INTO crl_pieces (issuer, partition, delta, number, position, der)
VALUES (:issuer, :partition, :delta, :number, :position, :der);

-- name: piece
-- In its place.
SELECT der FROM crl_pieces
WHERE issuer = :issuer AND partition = :partition AND delta = :delta AND number = :number AND position = :position;

-- name: publish list
-- Numbers never go back: one that was overtaken touches no row.
INSERT INTO crls (
    issuer, partition, delta, number, base, this_update, next_update, revoked, entries, octets, digest, bases
)
VALUES (
    :issuer, :partition, :delta, :number, :base, :this_update, :next_update, :revoked, :entries, :octets, :digest,
    :bases
)
ON CONFLICT (issuer, partition, delta) DO UPDATE SET
    number = excluded.number, base = excluded.base, this_update = excluded.this_update,
    next_update = excluded.next_update, revoked = excluded.revoked, entries = excluded.entries,
    octets = excluded.octets, digest = excluded.digest, bases = excluded.bases
WHERE crls.number < excluded.number
RETURNING number;

-- name: drop pieces
-- Some of those of the lists before.
DELETE FROM crl_pieces
WHERE
    (issuer, partition, delta, number, position) IN (
        SELECT issuer, partition, delta, number, position FROM crl_pieces
        WHERE issuer = :issuer AND partition = :partition AND delta = :delta AND number < :number
        ORDER BY number, position
        LIMIT :limit
    )
RETURNING position;
