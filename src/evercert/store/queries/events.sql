-- name: append event
-- The next event of the chain; its hash covers the one before, the moment and the body.
INSERT INTO events (id, at, kind, certificate, body, hash)
SELECT
    last.id + 1, CAST(:at AS BIGINT), :kind, :certificate, :body,
    sha256_hex(last.hash || ' ' || CAST(CAST(:at AS BIGINT) AS TEXT) || ' ' || CAST(:body AS TEXT))
FROM (
    SELECT id, hash FROM events
    UNION ALL
    SELECT id, hash FROM event_anchor
    ORDER BY id DESC
    LIMIT 1
) AS last;

-- name: first unchained event
-- None: here each is chained as it is appended.
SELECT id FROM event_anchor WHERE one = 1 AND id < 0;

-- name: lock the chain
-- Nothing is to be locked.
SELECT id FROM event_anchor WHERE one = 1;

-- name: chain events
-- At most so many, of which there are none.
SELECT id FROM event_anchor WHERE one = 1 AND id < 0 LIMIT :limit;

-- name: newest event
-- On which the next one builds: its number and hash.
SELECT id, hash FROM events
UNION ALL
SELECT id, hash FROM event_anchor
ORDER BY id DESC
LIMIT 1;

-- name: event anchor
-- Where the chain begins: number and hash of the last event that retention removed.
SELECT id, hash FROM event_anchor;

-- name: events after
-- A portion of the chain, in order.
SELECT id, at, kind, certificate, body, hash FROM events WHERE id > :id ORDER BY id LIMIT :limit;

-- name: first event since
-- The first that was written at that moment or later.
SELECT id FROM events WHERE at >= :at ORDER BY id LIMIT 1;

-- name: events before
-- A portion of the chain, backwards.
SELECT id, at, kind, certificate, body, hash FROM events WHERE id < :id ORDER BY id DESC LIMIT :limit;

-- name: events of a certificate before
-- The same of one certificate.
SELECT id, at, kind, certificate, body, hash FROM events
WHERE certificate = :certificate AND id < :id
ORDER BY id DESC LIMIT :limit;

-- name: latest events
-- The newest of all, newest first.
SELECT id, at, body FROM events ORDER BY id DESC LIMIT :limit;

-- name: latest events of a certificate
-- The newest of one certificate, newest first.
SELECT id, at, body FROM events WHERE certificate = :certificate ORDER BY id DESC LIMIT :limit;

-- name: event to prune up to
-- The newest event that is too old or too many; never the last of all, on which the next one builds.
SELECT max(id) FROM events
WHERE
    id < (SELECT max(id) FROM events)
    AND (id <= (SELECT max(id) FROM events) - :keep OR at < :before)
    AND id <= (SELECT min(id) FROM events) + :limit;

-- name: move event anchor
-- The chain begins after that event from now on.
UPDATE event_anchor SET id = :id, hash = (SELECT hash FROM events WHERE id = :id) WHERE id < :id;

-- name: prune events
-- What lies behind the anchor.
DELETE FROM events WHERE id <= (SELECT id FROM event_anchor) RETURNING id;
