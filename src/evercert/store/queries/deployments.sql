-- name: put deployment
-- How it went with that certificate; news of an older one never replaces news of a newer.
-- What it has stays what it had where this one was not installed.
INSERT INTO deployments
(certificate, target, issued_id, status, changed_at, failures, retry_at, failure, detail, in_use)
VALUES (
    :certificate, :target, :issued_id, :status, :changed_at, :failures, :retry_at, :failure, :detail,
    CASE WHEN :installed = 1 THEN CAST(:issued_id AS BIGINT) END
)
ON CONFLICT (certificate, target) DO UPDATE SET
    issued_id = excluded.issued_id,
    status = excluded.status,
    changed_at = excluded.changed_at,
    failures = excluded.failures,
    retry_at = excluded.retry_at,
    failure = excluded.failure,
    detail = excluded.detail,
    in_use = coalesce(excluded.in_use, deployments.in_use)
WHERE deployments.issued_id <= excluded.issued_id;

-- name: fingerprint of a deployment
-- Of the certificate that was installed; it is one of the same certificate.
SELECT fingerprint FROM issued WHERE id = :issued_id AND certificate = :certificate;

-- name: remove deployment
-- The target is not asked for any more, or not like that.
DELETE FROM deployments WHERE certificate = :certificate AND target = :target;

-- name: retry deployments
-- Those that failed are tried again now.
UPDATE deployments SET retry_at = :now WHERE certificate = :certificate AND retry_at IS NOT NULL;

-- name: install again
-- It is to be installed there once more, whatever came of it; what the target has is known still.
UPDATE deployments
SET status = 'pending', failures = 0, retry_at = NULL, failure = NULL, detail = '', changed_at = :now
WHERE certificate = :certificate AND target = :target;

-- name: rename deployment
-- The same place under another name, where it is to be installed once more.
UPDATE deployments
SET
    target = :renamed, status = 'pending', failures = 0, retry_at = NULL, failure = NULL, detail = '',
    changed_at = :now
WHERE certificate = :certificate AND target = :target;

-- name: deployments of a certificate
-- One per target, with what it has: what is not kept any more is over.
SELECT
    d.certificate, d.target, d.issued_id, d.status, d.changed_at, d.failures, d.retry_at, d.failure, d.detail,
    CASE WHEN d.in_use IS NOT NULL THEN coalesce(i.not_before, 0) END AS not_before,
    coalesce(i.not_after, 0) AS not_after,
    i.revoked_at,
    r.window_end,
    EXISTS (SELECT 1 FROM incident_certificates AS m WHERE m.issued_id = i.id AND m.state <> 'waiting') AS in_incident,
    coalesce(i.id, 0) AS in_use_id
FROM deployments AS d
LEFT JOIN issued AS i ON i.id = d.in_use
LEFT JOIN renewals AS r ON r.issued_id = d.in_use
WHERE d.certificate = :certificate
ORDER BY d.target;

-- name: before the current one
-- What was current before and may be in use where no deployment says what is, for others obtained it; or what an incident
-- has replaced, wherever that is.
SELECT
    b.not_before,
    b.not_after,
    b.revoked_at,
    r.window_end,
    b.in_incident,
    b.id
FROM (
    SELECT
        i.id,
        i.issuance_id,
        i.not_before,
        i.not_after,
        i.revoked_at,
        EXISTS (
            SELECT 1 FROM incident_certificates AS m WHERE m.issued_id = i.id AND m.state <> 'waiting'
        ) AS in_incident
    FROM issued AS i
    WHERE
        i.certificate = :certificate
        AND i.id < (SELECT c.current_id FROM certificates AS c WHERE c.name = :certificate)
) AS b
LEFT JOIN renewals AS r ON r.issued_id = b.id
WHERE b.issuance_id IS NULL OR b.in_incident
ORDER BY b.id DESC
LIMIT 1;
