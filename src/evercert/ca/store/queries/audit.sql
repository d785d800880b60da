-- name: append record
-- The next of the chain; its hash covers the one before, the moment, the kind and the body.
INSERT INTO audit (id, at, kind, body, hash)
SELECT
    last.id + 1, CAST(:at AS BIGINT), CAST(:kind AS TEXT), CAST(:body AS TEXT),
    sha256_hex(
        last.hash || ' ' || CAST(CAST(:at AS BIGINT) AS TEXT) || ' ' || CAST(:kind AS TEXT) || ' '
        || CAST(:body AS TEXT)
    )
FROM (
    SELECT id, hash FROM audit
    UNION ALL
    SELECT id, hash FROM audit_anchor
    ORDER BY id DESC
    LIMIT 1
) AS last;

-- name: newest record
-- On which the next one builds: its number and hash.
SELECT id, hash FROM audit
UNION ALL
SELECT id, hash FROM audit_anchor
ORDER BY id DESC
LIMIT 1;

-- name: audit anchor
-- Where the chain begins: number and hash of the last record that retention removed.
SELECT id, hash FROM audit_anchor;

-- name: records after
-- A portion of the chain, in order.
SELECT id, at, kind, body, hash FROM audit WHERE id > :id ORDER BY id LIMIT :limit;
