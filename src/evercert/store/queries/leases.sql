-- name: ranks with due
-- Of the ranks of work those in which something is due, most pressing first; a leased row may be among it.
SELECT r.rank
FROM (
    SELECT 0 AS rank UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
    UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7
) AS r
WHERE EXISTS (SELECT 1 FROM certificates AS c WHERE c.rank = r.rank AND c.next_action_at <= :now)
ORDER BY r.rank;

-- name: claim due
-- Those of one rank that are due longest and that nobody works on; until the lease ends they are not due.
UPDATE certificates
SET lease_owner = :owner, lease_until = :until, epoch = epoch + 1, next_action_at = :until
WHERE name IN (
    SELECT name FROM certificates
    WHERE rank = :rank AND next_action_at <= :now AND (lease_until IS NULL OR lease_until <= :now)
    ORDER BY next_action_at, name
    LIMIT :limit
)
RETURNING name, epoch;

-- name: claim polls
-- Those whose CA is to be asked again when to renew, and that wait for nothing sooner.
UPDATE certificates
SET lease_owner = :owner, lease_until = :until, epoch = epoch + 1, next_action_at = :until
WHERE name IN (
    SELECT name FROM certificates
    WHERE
        ari_poll_at <= :by AND next_action_at <= :by AND (lease_until IS NULL OR lease_until <= :now)
        AND woken = 0 AND forced = 0 AND leaving = '' AND stopped = ''
    ORDER BY ari_poll_at
    LIMIT :limit
)
RETURNING name, epoch;

-- name: claim certificate
-- That one, whether or not it is due, unless somebody else works on it.
UPDATE certificates
SET lease_owner = :owner, lease_until = :until, epoch = epoch + 1, next_action_at = :until
WHERE name = :name AND (lease_until IS NULL OR lease_until <= :now)
RETURNING name, epoch;

-- name: fence
-- One row while the lease of that epoch is the last that was given; nobody takes it before the transaction has ended.
SELECT epoch FROM certificates WHERE name = :name AND epoch = :epoch;

-- name: lease epoch
-- How often it was handed out.
SELECT epoch FROM certificates WHERE name = :name;

-- name: lease holder
-- Who works on it; nobody where the lease was let go.
SELECT lease_owner FROM certificates WHERE name = :name;

-- name: extend leases
-- All that are his, also those that have run out, unless somebody took them.
UPDATE certificates SET lease_until = :until WHERE lease_owner = :owner RETURNING name, epoch;

-- name: release lease
-- What was not finished is due again.
UPDATE certificates
SET lease_owner = NULL, lease_until = NULL, next_action_at = :now
WHERE name = :name AND epoch = :epoch AND lease_owner IS NOT NULL;

-- name: lease owners
-- Everybody who works on something.
SELECT DISTINCT lease_owner FROM certificates WHERE lease_owner IS NOT NULL ORDER BY lease_owner;

-- name: free leases
-- He is gone, and what he worked on is due.
UPDATE certificates
SET lease_owner = NULL, lease_until = NULL, next_action_at = :now
WHERE lease_owner = :owner
RETURNING name;
