-- name: all hooks
-- Each with how far it was told.
SELECT name, definition, event_id, failures, retry_at, failure, lease_until, failing_since, given_up_at
FROM hooks ORDER BY name;

-- name: hook
-- One of them.
SELECT name, definition, event_id, failures, retry_at, failure, lease_until, failing_since, given_up_at
FROM hooks WHERE name = :name;

-- name: configure hook
-- A new one is told from the newest event on; one that is there goes on where it is, at once.
INSERT INTO hooks (name, definition, event_id)
VALUES (:name, :definition, coalesce((SELECT max(id) FROM events), (SELECT id FROM event_anchor)))
ON CONFLICT (name) DO UPDATE SET
    definition = excluded.definition,
    failures = 0, retry_at = NULL, failure = NULL, failing_since = NULL, given_up_at = NULL;

-- name: forget hook
-- It is told of nothing any more.
DELETE FROM hooks WHERE name = :name;

-- name: claim hook
-- For one process, unless another one has it, it waits, or it was given up.
UPDATE hooks SET lease_owner = :owner, lease_until = :until
WHERE
    name = :name
    AND (lease_until IS NULL OR lease_until <= :now)
    AND (retry_at IS NULL OR retry_at <= :now)
    AND given_up_at IS NULL
RETURNING definition, event_id, failures, failing_since;

-- name: move hook
-- It was told up to that event; whoever has it keeps it for longer.
UPDATE hooks SET
    event_id = :id, failures = 0, retry_at = NULL, failure = NULL, failing_since = NULL, lease_until = :until
WHERE name = :name AND lease_owner = :owner
RETURNING definition;

-- name: hook failed
-- It was told up to that event, and did not take the next one; nobody has it any more, and perhaps it is given up.
UPDATE hooks SET
    event_id = :id, failures = failures + 1, retry_at = :retry_at, failure = :failure,
    failing_since = coalesce(failing_since, :now), given_up_at = :given_up_at,
    lease_owner = NULL, lease_until = NULL
WHERE name = :name AND lease_owner = :owner;

-- name: release hook
-- Nobody has it any more.
UPDATE hooks SET lease_owner = NULL, lease_until = NULL WHERE name = :name AND lease_owner = :owner;

-- name: retry hook
-- It is told again at once, and has as much time as if it had not failed before.
UPDATE hooks SET retry_at = NULL, failing_since = NULL, given_up_at = NULL WHERE name = :name RETURNING name;

-- name: pass event over
-- It is never told of the event that it did not take, or of what retention took away since.
UPDATE hooks SET
    event_id = (SELECT CASE WHEN id > event_id THEN id ELSE event_id + 1 END FROM event_anchor),
    failures = 0, retry_at = NULL, failure = NULL, failing_since = NULL, given_up_at = NULL
WHERE name = :name AND failures > 0 AND (lease_until IS NULL OR lease_until <= :now)
RETURNING event_id;
