-- name: stopped of a certificate
-- Why no CA is asked for it; empty where one is.
SELECT stopped FROM certificates WHERE name = :name;

-- name: stop certificate
-- Whoever stops it first says why.
UPDATE certificates SET stopped = :stopped, next_action_at = :now, woken = 1 WHERE name = :name AND stopped = '';

-- name: resume certificate
-- It is looked at now, no failure makes it wait, and what came before says nothing of a loop.
UPDATE certificates
SET
    stopped = '',
    counted_from = :now,
    retry_at = NULL,
    hold = '',
    trials = '',
    next_action_at = :now,
    woken = 1
WHERE name = :name AND stopped <> '';

-- name: failed certificates
-- Those whose last attempt failed, to issue or to install, and that nobody has stopped.
SELECT name FROM certificates WHERE failures > 0 AND stopped = ''
UNION
SELECT d.certificate FROM deployments AS d
INNER JOIN certificates AS c ON c.name = d.certificate
WHERE d.failures > 0 AND c.stopped = '';

-- name: all tasks
-- What is due first comes first; the others are looked at no closer.
SELECT c.name, c.next_action_at, c.lease_owner, c.lease_until
FROM (SELECT name FROM certificates ORDER BY next_action_at, name LIMIT :limit) AS chosen
INNER JOIN certificates AS c ON c.name = chosen.name
ORDER BY c.next_action_at, c.name;

-- name: due tasks
-- Those that wait for somebody to do them, in the order of work; what is leased is due when that ends.
SELECT c.name, c.next_action_at, c.lease_owner, c.lease_until
FROM (
    SELECT name FROM certificates
    WHERE
        rank BETWEEN 0 AND 7 AND next_action_at <= :now
        AND name NOT IN (SELECT name FROM certificates WHERE stopped <> '')
    ORDER BY rank, next_action_at, name LIMIT :limit
) AS chosen
INNER JOIN certificates AS c ON c.name = chosen.name
ORDER BY c.rank, c.next_action_at, c.name;

-- name: waiting tasks
-- Those that are due later.
SELECT c.name, c.next_action_at, c.lease_owner, c.lease_until
FROM (
    SELECT name FROM certificates
    WHERE
        next_action_at > :now
        AND name NOT IN (SELECT name FROM certificates WHERE stopped <> '')
        AND name NOT IN (SELECT name FROM certificates WHERE lease_owner > '' AND lease_until > :now)
    ORDER BY next_action_at, name LIMIT :limit
) AS chosen
INNER JOIN certificates AS c ON c.name = chosen.name
ORDER BY c.next_action_at, c.name;

-- name: running tasks
-- Those that somebody works on.
SELECT name, next_action_at, lease_owner, lease_until
FROM certificates WHERE lease_owner > '' AND lease_until > :now
ORDER BY lease_owner, name LIMIT :limit;

-- name: held tasks
-- Those that a limit holds back.
SELECT name, next_action_at, lease_owner, lease_until
FROM certificates WHERE hold <> ''
ORDER BY name LIMIT :limit;

-- name: stopped tasks
-- Those for which nothing is done until somebody says so.
SELECT name, next_action_at, lease_owner, lease_until
FROM certificates WHERE stopped <> ''
ORDER BY name LIMIT :limit;

-- name: failed tasks
-- Those whose last attempt failed, to issue or to install.
SELECT c.name, c.next_action_at, c.lease_owner, c.lease_until
FROM (
    SELECT name FROM certificates WHERE failures > 0
    UNION
    SELECT certificate FROM deployments WHERE failures > 0
) AS failing
INNER JOIN certificates AS c ON c.name = failing.name
ORDER BY c.next_action_at, c.name LIMIT :limit;
