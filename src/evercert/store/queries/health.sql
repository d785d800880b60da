-- name: outages
-- The CAs that do not answer; few, if any.
SELECT directory, failures, down_since, retry_at, failure FROM ca_health;

-- name: begin outage
-- The first failure in a row; of many at once one is kept.
INSERT INTO ca_health (directory, failures, down_since, retry_at, failure)
VALUES (:directory, 1, :now, :retry_at, :failure)
ON CONFLICT (directory) DO NOTHING;

-- name: go on with outage
-- One more, counted once for all that asked at the same time.
UPDATE ca_health SET failures = :failures, down_since = :since, retry_at = :retry_at, failure = :failure
WHERE directory = :directory AND failures = :before;

-- name: ask in outage
-- Whoever it lets through asks the CA again, and the others wait meanwhile.
UPDATE ca_health SET retry_at = :retry_at
WHERE directory = :directory AND failures = :before AND retry_at <= :now;

-- name: give turn back
-- Whoever was let through has not asked, and nothing else is known since.
UPDATE ca_health SET retry_at = :retry_at
WHERE directory = :directory AND failures = :before AND retry_at > :retry_at;

-- name: ask again at once
-- Somebody wants to know.
UPDATE ca_health SET retry_at = :now WHERE retry_at > :now;

-- name: end outage
-- It answers.
DELETE FROM ca_health WHERE directory = :directory AND failures = :before;
