-- name: lock a lane
-- Until the transaction has ended nobody else counts there.
SELECT pg_advisory_xact_lock(hashtextextended(:lane, 0));

-- name: keep places
-- One for each that is first in line and has none, as many as are free; not for those on which somebody works at this
-- moment, who may be about to enter, and whom nobody waits for here.
INSERT INTO lanes (lane, certificate, until)
SELECT CAST(:lane AS TEXT), first.name, CAST(:until AS BIGINT)
FROM (
    SELECT name FROM certificates
    WHERE
        lane = :lane AND lane <> '' AND hold <> ''
        AND name NOT IN (SELECT certificate FROM lanes WHERE lane = :lane)
    ORDER BY rank, next_action_at, name
    LIMIT greatest(0, :most - (SELECT count(*) FROM lanes WHERE lane = :lane))
    FOR NO KEY UPDATE SKIP LOCKED
) AS first
ON CONFLICT (lane, certificate) DO NOTHING
RETURNING certificate;
