-- name: lock a lane
-- Whoever writes has the database to himself.
SELECT CAST(:lane AS TEXT) AS lane;

-- name: enter a lane
-- From now on it has a place there; whether there is one says the next query.
INSERT INTO lanes (lane, certificate) VALUES (:lane, :certificate)
ON CONFLICT (lane, certificate) DO UPDATE SET until = NULL;

-- name: too many in a lane
-- The lane, if more have a place than there are.
SELECT lane FROM lanes WHERE lane = :lane AND (until IS NULL OR until > :now) GROUP BY lane HAVING count(*) > :most;

-- name: others in a lane
-- How many have a place besides that one.
SELECT count(*) FROM lanes
WHERE lane = :lane AND certificate <> :certificate AND (until IS NULL OR until > :now);

-- name: waiting for a lane
-- How many do besides that one; of very many not all.
SELECT count(*)
FROM (
    SELECT name FROM certificates WHERE lane = :lane AND lane <> '' AND hold <> '' AND name <> :certificate LIMIT :limit
) AS waiting;

-- name: places of a certificate
-- In whichever lanes, kept ones too.
SELECT lane FROM lanes WHERE certificate = :certificate;

-- name: leave lanes
-- Unless something is open at a CA for it still.
DELETE FROM lanes
WHERE
    certificate = :certificate
    AND NOT EXISTS (
        SELECT 1 FROM issuances
        WHERE certificate = :certificate AND ended_at IS NULL AND status IN ('placing', 'ordered')
    );

-- name: empty a place
-- What is open for it still needs none there.
DELETE FROM lanes WHERE lane = :lane AND certificate = :certificate;

-- name: forget kept places
-- Those that nobody came for in time.
DELETE FROM lanes WHERE lane = :lane AND until <= :now;

-- name: keep places
-- One for each that is first in line and has none, as many as are free.
INSERT INTO lanes (lane, certificate, until)
SELECT :lane, name, :until FROM certificates
WHERE
    lane = :lane AND lane <> '' AND hold <> ''
    AND name NOT IN (SELECT certificate FROM lanes WHERE lane = :lane)
ORDER BY rank, next_action_at, name
LIMIT max(0, :most - (SELECT count(*) FROM lanes WHERE lane = :lane))
ON CONFLICT (lane, certificate) DO NOTHING
RETURNING certificate;

-- name: call in
-- Those for whom a place is kept are due, before others of their rank; whoever works on one at this moment looks again.
UPDATE certificates
SET next_action_at = :since, woken = CASE WHEN lease_until > :now THEN 1 ELSE woken END, hold = '', lane = ''
WHERE
    lane = :lane AND lane <> '' AND hold <> ''
    AND name IN (SELECT certificate FROM lanes WHERE lane = :lane AND until IS NOT NULL);

-- name: lift lanes
-- Nobody is called in there any more: all that stand in line look by themselves.
UPDATE certificates
SET next_action_at = :now, woken = 1, hold = '', lane = ''
WHERE lane >= :first AND lane < :end AND lane <> '' AND hold <> '';
