-- name: claim due
-- Those of one rank that are due longest and that nobody works on or is just claiming.
UPDATE certificates AS c
SET lease_owner = :owner, lease_until = :until, epoch = c.epoch + 1, next_action_at = :until
FROM (
    SELECT name FROM certificates
    WHERE rank = :rank AND next_action_at <= :now AND (lease_until IS NULL OR lease_until <= :now)
    ORDER BY next_action_at, name
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
) AS due
WHERE c.name = due.name
RETURNING c.name, c.epoch;

-- name: claim polls
-- The same, without a wait for whoever is just claiming.
UPDATE certificates AS c
SET lease_owner = :owner, lease_until = :until, epoch = c.epoch + 1, next_action_at = :until
FROM (
    SELECT name FROM certificates
    WHERE
        ari_poll_at <= :by AND next_action_at <= :by AND (lease_until IS NULL OR lease_until <= :now)
        AND woken = 0 AND forced = 0 AND leaving = '' AND stopped = ''
    ORDER BY ari_poll_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
) AS asked
WHERE c.name = asked.name
RETURNING c.name, c.epoch;

-- name: fence
-- The row is locked, so that whoever wants the lease waits until the transaction has ended.
SELECT epoch FROM certificates WHERE name = :name AND epoch = :epoch FOR NO KEY UPDATE;
