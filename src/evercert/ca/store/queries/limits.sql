-- name: take from bucket
-- One request's worth, if the bucket holds it (GCRA): touches no row where it does not.
INSERT INTO limits (bucket, arrival)
SELECT CAST(:bucket AS TEXT), CAST(:now AS BIGINT) + CAST(:cost AS BIGINT)
WHERE CAST(:latest AS BIGINT) >= CAST(:now AS BIGINT)
ON CONFLICT (bucket) DO UPDATE SET
    arrival = CASE WHEN limits.arrival > :now THEN limits.arrival ELSE :now END + :cost
WHERE limits.arrival <= :latest
RETURNING arrival;

-- name: bucket
-- Its theoretical arrival time.
SELECT arrival FROM limits WHERE bucket = :bucket;

-- name: emptiest buckets
-- That are not full again by now.
SELECT bucket, arrival FROM limits
WHERE arrival > :now AND (CAST(:about AS TEXT) = '' OR bucket LIKE CAST(:about AS TEXT) ESCAPE '\')
ORDER BY arrival DESC, bucket
LIMIT :limit;
