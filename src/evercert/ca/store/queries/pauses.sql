-- name: count failure
-- One more in a row; so many of them pause the name for the account.
INSERT INTO pauses (account_id, identifier, failures, paused_at, changed_at)
VALUES (
    :account_id,
    :identifier,
    1,
    CASE WHEN CAST(:most AS BIGINT) <= 1 THEN CAST(:now AS BIGINT) END,
    CAST(:now AS BIGINT)
)
ON CONFLICT (account_id, identifier) DO UPDATE SET
    failures = pauses.failures + 1,
    paused_at = CASE
        WHEN pauses.paused_at IS NULL AND pauses.failures + 1 >= CAST(:most AS BIGINT) THEN excluded.changed_at
        ELSE pauses.paused_at
    END,
    changed_at = excluded.changed_at;

-- name: forget failures
-- Of a name that was proved, or that is to be tried again.
DELETE FROM pauses WHERE account_id = :account_id AND identifier = :identifier
RETURNING failures;

-- name: paused
-- Since when, after how many failures; no row where it is not.
SELECT failures, paused_at FROM pauses
WHERE account_id = :account_id AND identifier = :identifier AND paused_at IS NOT NULL;

-- name: all paused
-- Newest first.
SELECT account_id, identifier, failures, paused_at FROM pauses
WHERE paused_at IS NOT NULL AND (CAST(:account_id AS BIGINT) = 0 OR account_id = :account_id)
ORDER BY paused_at DESC, account_id, identifier
LIMIT :limit;
