-- name: append event
-- What happened, beside others that happen at the same time; it is chained by whoever looks next.
INSERT INTO unchained_events (at, kind, certificate, body) VALUES (:at, :kind, :certificate, :body);

-- name: first unchained event
-- What happened and is not in the chain yet.
SELECT number FROM unchained_events ORDER BY number LIMIT 1;

-- name: lock the chain
-- One process at a time lengthens it or cuts off its beginning.
SELECT id FROM event_anchor FOR UPDATE;

-- name: chain events
-- A portion of them, in the order in which they happened; a trigger gives each its number and its hash.
WITH portion AS (
    DELETE FROM unchained_events
    WHERE number <= (SELECT max(number) FROM (SELECT number FROM unchained_events ORDER BY number LIMIT :limit) AS first)
    RETURNING number, at, kind, certificate, body
)
INSERT INTO events (at, kind, certificate, body, hash)
SELECT at, kind, certificate, body, '' FROM portion ORDER BY number
RETURNING id;
