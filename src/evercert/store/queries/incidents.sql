-- name: incident candidates
-- What is valid still, as far as columns tell whether it is meant; where its key never was here, its bytes must.
SELECT
    i.id, i.certificate, i.serial, i.issuer, i.not_after, i.key_id, k.fingerprint, c.current_id,
    coalesce(a.ca, '') AS ca, coalesce(o.profile, '') AS profile, r.window_start, c.intent
FROM issued AS i
INNER JOIN certificates AS c ON c.name = i.certificate
LEFT JOIN keys AS k ON k.id = i.key_id
LEFT JOIN issuances AS o ON o.id = i.issuance_id
LEFT JOIN accounts AS a ON a.id = o.account_id
LEFT JOIN renewals AS r ON r.issued_id = i.id
WHERE
    i.id > :after
    AND i.not_after > :now
    AND i.not_after < :expires_before
    AND i.revoked_at IS NULL
    AND i.issued_at >= :issued_from
    AND i.issued_at < :issued_until
    AND (:superseded = 1 OR c.current_id = i.id)
    AND (CAST(:key AS TEXT) = '' OR i.key_id IS NULL OR k.fingerprint = CAST(:key AS TEXT))
    AND (
        CAST(:serial_from AS TEXT) = ''
        OR length(i.serial) > length(CAST(:serial_from AS TEXT))
        OR (length(i.serial) = length(CAST(:serial_from AS TEXT)) AND i.serial >= CAST(:serial_from AS TEXT))
    )
    AND (
        CAST(:serial_to AS TEXT) = ''
        OR length(i.serial) < length(CAST(:serial_to AS TEXT))
        OR (length(i.serial) = length(CAST(:serial_to AS TEXT)) AND i.serial <= CAST(:serial_to AS TEXT))
    )
ORDER BY i.id
LIMIT :limit;

-- name: begin incident
-- Its certificates follow, and then it is open.
INSERT INTO incidents (opened_at, state, reason, selection, measures)
VALUES (:now, 'opening', :reason, :selection, :measures)
RETURNING id;

-- name: take into incident
-- One certificate that was issued, in its wave.
INSERT INTO incident_certificates (incident_id, issued_id, certificate, wave, state, changed_at, detail)
SELECT :incident, i.id, i.certificate, :wave, :state, :now, :detail FROM issued AS i WHERE i.id = :issued_id;

-- name: open incident
-- All of its certificates are written down.
UPDATE incidents SET state = 'open' WHERE id = :incident AND state = 'opening';

-- name: incident
-- By its number.
SELECT id, opened_at, closed_at, state, reason, selection, measures, stalled, tolerated FROM incidents
WHERE id = :incident;

-- name: all incidents
-- Newest first.
SELECT id, opened_at, closed_at, state, reason, selection, measures, stalled, tolerated FROM incidents
ORDER BY id DESC;

-- name: open incidents
-- Those that go on by themselves.
SELECT id, opened_at, closed_at, state, reason, selection, measures, stalled, tolerated FROM incidents
WHERE state = 'open' ORDER BY id;

-- name: hold open incident
-- A guard and a lock: until this transaction ends it is open, and nobody else moves it.
UPDATE incidents SET state = 'open' WHERE id = :incident AND state = 'open';

-- name: incident stages
-- How many of each wave are how far.
SELECT wave, state, count(*) AS number FROM incident_certificates
WHERE incident_id = :incident GROUP BY wave, state ORDER BY wave, state;

-- name: incident replacing
-- Of those that are being replaced: how many failed, and how many wait for a limit and did not fail.
SELECT
    m.wave,
    sum(CASE WHEN c.failures > 0 OR c.stopped <> '' THEN 1 ELSE 0 END) AS failing,
    sum(CASE WHEN c.failures = 0 AND c.stopped = '' AND c.hold <> '' THEN 1 ELSE 0 END) AS held
FROM incident_certificates AS m
INNER JOIN certificates AS c ON c.name = m.certificate
WHERE m.incident_id = :incident AND m.state = 'replacing'
GROUP BY m.wave
ORDER BY m.wave;

-- name: incident placing
-- Of those that are replaced: how many replacements could not be installed, and how many are to be replaced themselves.
SELECT
    m.wave,
    sum(
        CASE
            WHEN w.issued_id IS NOT NULL THEN 0
            WHEN c.stopped <> '' THEN 1
            WHEN
                EXISTS (SELECT 1 FROM deployments AS d WHERE d.certificate = m.certificate AND d.status = 'failed')
                THEN 1
            ELSE 0
        END
    ) AS failing,
    sum(CASE WHEN w.issued_id IS NOT NULL THEN 1 ELSE 0 END) AS superseded
FROM incident_certificates AS m
INNER JOIN certificates AS c ON c.name = m.certificate
LEFT JOIN incident_certificates AS w
    ON
        w.incident_id = m.incident_id
        AND w.issued_id = c.current_id
        AND w.state IN ('waiting', 'replacing', 'revoking')
WHERE m.incident_id = :incident AND m.state = 'replaced'
GROUP BY m.wave
ORDER BY m.wave;

-- name: incident failures
-- What went wrong and is not over, with what is known of it; the first waves first.
SELECT
    m.certificate, m.wave, m.state, m.detail, c.failure, c.retry_at, c.stopped, c.hold,
    (
        SELECT min(d.failure) FROM deployments AS d
        WHERE d.certificate = m.certificate AND d.status = 'failed' AND m.state = 'replaced'
    ) AS deploy_failure
FROM incident_certificates AS m
INNER JOIN certificates AS c ON c.name = m.certificate
WHERE
    m.incident_id = :incident
    AND (
        m.state = 'failed'
        OR (m.state = 'revoking' AND m.detail <> '')
        OR (m.state = 'replacing' AND (c.failures > 0 OR c.stopped <> '' OR c.hold <> ''))
        OR (
            m.state = 'replaced'
            AND EXISTS (SELECT 1 FROM deployments AS d WHERE d.certificate = m.certificate AND d.status = 'failed')
        )
    )
ORDER BY m.wave, m.certificate, m.issued_id
LIMIT :limit;

-- name: release wave
-- What is not current any more was replaced meanwhile; with "first", all are revoked before anything else.
UPDATE incident_certificates
SET
    state = CASE
        WHEN :first = 1 THEN 'revoking'
        WHEN EXISTS (SELECT 1 FROM certificates WHERE current_id = incident_certificates.issued_id) THEN 'replacing'
        ELSE 'replaced'
    END,
    changed_at = :now
WHERE incident_id = :incident AND wave = :wave AND state = 'waiting'
RETURNING issued_id;

-- name: wake for incident
-- They are due now, before what is routine; no failure makes them wait, and no limit from before they were urgent. Where
-- another one is current already, that is to be installed.
UPDATE certificates
SET
    next_action_at = :now,
    rank = CASE WHEN rank >= 4 THEN rank - 4 ELSE rank END,
    woken = 1,
    retry_at = NULL,
    hold = '',
    trials = ''
WHERE
    name IN (
        SELECT certificate FROM incident_certificates
        WHERE incident_id = :incident AND wave = :wave AND state IN ('replacing', 'replaced')
    );

-- name: note replaced in incident
-- Another certificate is current, whoever asked for it.
UPDATE incident_certificates SET state = 'replaced', changed_at = :now
WHERE
    incident_id = :incident
    AND state = 'replacing'
    AND NOT EXISTS (SELECT 1 FROM certificates WHERE current_id = incident_certificates.issued_id)
RETURNING issued_id;

-- name: wake successors for incident
-- Those that the next query takes in: they are due now, before what is routine.
UPDATE certificates
SET next_action_at = :now, rank = CASE WHEN rank >= 4 THEN rank - 4 ELSE rank END, woken = 1
WHERE
    name IN (
        SELECT m.certificate
        FROM incident_certificates AS m
        INNER JOIN issued AS i ON i.id = m.issued_id
        INNER JOIN certificates AS c ON c.name = m.certificate
        INNER JOIN issued AS n ON n.id = c.current_id
        WHERE
            m.incident_id = :incident
            AND m.state = 'replaced'
            AND n.id <> i.id
            AND n.key_id = i.key_id
            AND NOT EXISTS (
                SELECT 1 FROM incident_certificates AS w WHERE w.incident_id = m.incident_id AND w.issued_id = n.id
            )
    );

-- name: take successors into incident
-- What became current meanwhile and has the same key is no replacement: it is replaced, too.
INSERT INTO incident_certificates (incident_id, issued_id, certificate, wave, state, changed_at)
SELECT m.incident_id, n.id, m.certificate, min(m.wave), 'replacing', :now
FROM incident_certificates AS m
INNER JOIN issued AS i ON i.id = m.issued_id
INNER JOIN certificates AS c ON c.name = m.certificate
INNER JOIN issued AS n ON n.id = c.current_id
WHERE m.incident_id = :incident AND m.state = 'replaced' AND n.id <> i.id AND n.key_id = i.key_id
GROUP BY m.incident_id, n.id, m.certificate
ON CONFLICT (incident_id, issued_id) DO NOTHING
RETURNING issued_id;

-- name: replaced in incident
-- Those whose replacement failed in no target and is not to be replaced itself: candidates for being through.
SELECT m.issued_id, m.certificate, i.revoked_at, i.not_after
FROM incident_certificates AS m
INNER JOIN certificates AS c ON c.name = m.certificate
INNER JOIN issued AS i ON i.id = m.issued_id
WHERE
    m.incident_id = :incident
    AND m.state = 'replaced'
    AND m.issued_id > :after
    AND NOT EXISTS (
        SELECT 1 FROM deployments AS d
        WHERE
            d.certificate = m.certificate
            AND (d.issued_id <> c.current_id OR d.status NOT IN ('installed', 'served'))
    )
    AND NOT EXISTS (
        SELECT 1 FROM incident_certificates AS w
        WHERE
            w.incident_id = m.incident_id
            AND w.issued_id = c.current_id
            AND w.state IN ('waiting', 'replacing', 'revoking')
    )
ORDER BY m.issued_id
LIMIT :limit;

-- name: move in incident
-- One certificate from one stage to another.
UPDATE incident_certificates SET state = :after, changed_at = :now, detail = :detail
WHERE incident_id = :incident AND issued_id = :issued_id AND state = :before;

-- name: revoking in incident
-- Those that the CA is to revoke, and was not asked of lately in vain.
SELECT issued_id, certificate FROM incident_certificates
WHERE incident_id = :incident AND state = 'revoking' AND (detail = '' OR changed_at <= :tried_before)
ORDER BY issued_id
LIMIT :limit;

-- name: revoked in incident
-- It is replaced next where it is the current one still; else it is over, unless the replacement is on its way.
UPDATE incident_certificates
SET
    state = CASE
        WHEN EXISTS (SELECT 1 FROM certificates WHERE current_id = incident_certificates.issued_id) THEN 'replacing'
        WHEN :first = 1 THEN 'replaced'
        ELSE 'done'
    END,
    changed_at = :now,
    detail = ''
WHERE incident_id = :incident AND issued_id = :issued_id AND state = 'revoking';

-- name: stall incident
-- No further wave is released, or again some are.
UPDATE incidents SET stalled = :stalled WHERE id = :incident AND state = 'open' AND stalled <> :stalled;

-- name: pause incident
-- What was released and is not replaced waits again.
UPDATE incidents SET state = 'paused' WHERE id = :incident AND state = 'open';

-- name: call back into waiting
-- An order that was begun is finished nevertheless.
UPDATE incident_certificates SET state = 'waiting', changed_at = :now
WHERE incident_id = :incident AND state = 'replacing';

-- name: resume incident
-- It goes on although so many failed.
UPDATE incidents SET state = 'open', stalled = '', tolerated = :tolerated
WHERE id = :incident AND (state = 'paused' OR (state = 'open' AND stalled <> ''));

-- name: close incident
-- For good: nothing is left to do, or it is given up.
UPDATE incidents SET state = :state, closed_at = :now, stalled = ''
WHERE id = :incident AND state IN ('opening', 'open', 'paused');

-- name: give up in incident
-- What is not done.
UPDATE incident_certificates SET state = 'failed', changed_at = :now, detail = 'cancelled while ' || state
WHERE incident_id = :incident AND state NOT IN ('done', 'failed')
RETURNING issued_id;

-- name: nothing left in incident
-- What is not over; there must be none.
SELECT issued_id FROM incident_certificates
WHERE incident_id = :incident AND state NOT IN ('done', 'failed')
LIMIT 1;

-- name: prune incidents
-- Over before that moment, with their certificates.
DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE closed_at < :before ORDER BY id LIMIT :limit)
RETURNING id;
