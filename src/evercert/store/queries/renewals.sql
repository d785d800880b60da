-- name: renewal
-- The window last read and the moment drawn in it.
SELECT window_start, window_end, moment, poll_at, explanation_url FROM renewals WHERE issued_id = :issued_id;

-- name: put renewal
-- The moment stays while the window does, whoever drew another.
INSERT INTO renewals (issued_id, window_start, window_end, moment, poll_at, explanation_url)
VALUES (:issued_id, :window_start, :window_end, :moment, :poll_at, :explanation_url)
ON CONFLICT (issued_id) DO UPDATE SET
    moment = CASE
        WHEN renewals.window_start = excluded.window_start AND renewals.window_end = excluded.window_end
            THEN renewals.moment
        ELSE excluded.moment
    END,
    window_start = excluded.window_start,
    window_end = excluded.window_end,
    poll_at = excluded.poll_at,
    explanation_url = excluded.explanation_url;

-- name: poll with renewal
-- When the CA is asked again.
UPDATE certificates SET ari_poll_at = :poll_at WHERE current_id = :issued_id;

-- name: poll later
-- When the CA is asked again, although it gave no window.
UPDATE certificates SET ari_poll_at = :poll_at WHERE name = :name;

-- name: polled
-- When the CA is asked again and when something is due next; the lease is let go. Who woke it meanwhile is heard.
UPDATE certificates
SET
    ari_poll_at = :poll_at,
    next_action_at = CASE WHEN woken = 1 THEN CAST(:now AS BIGINT) ELSE :until END,
    rank = :rank,
    lease_owner = NULL,
    lease_until = NULL
WHERE name = :name AND epoch = :epoch AND lease_owner IS NOT NULL;
