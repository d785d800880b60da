-- name: put deployment
-- How it went with that certificate; news of an older one never replaces news of a newer.
INSERT INTO deployments (certificate, target, issued_id, status, changed_at, failures, retry_at, failure, detail)
VALUES (:certificate, :target, :issued_id, :status, :changed_at, :failures, :retry_at, :failure, :detail)
ON CONFLICT (certificate, target) DO UPDATE SET
    issued_id = excluded.issued_id,
    status = excluded.status,
    changed_at = excluded.changed_at,
    failures = excluded.failures,
    retry_at = excluded.retry_at,
    failure = excluded.failure,
    detail = excluded.detail
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

-- name: deployments of a certificate
-- One per target.
SELECT certificate, target, issued_id, status, changed_at, failures, retry_at, failure, detail
FROM deployments WHERE certificate = :certificate ORDER BY target;
