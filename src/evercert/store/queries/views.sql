-- name: list certificates
-- One scan: what is wanted, what is current, when that is renewed, and how many of its targets have it.
SELECT
    c.name, c.intent, c.next_action_at, c.retry_at, c.failure, o.id IS NOT NULL AS issuing,
    i.issuer, i.serial, i.not_before, i.not_after, i.revoked_at,
    coalesce(d.served, 0) AS served, coalesce(d.installed, 0) AS installed, coalesce(d.failed, 0) AS failed,
    c.stopped, c.left_out, i.names, a.ca, d.failure, d.retry_at,
    c.failures, c.hold, c.forced = 1 OR EXISTS (
        SELECT 1 FROM incident_certificates AS m WHERE m.issued_id = c.current_id AND m.state = 'replacing'
    ) AS called_for,
    c.on_schedule, c.current_id, i.issuance_id, r.moment, r.window_end
FROM certificates AS c
LEFT JOIN issued AS i ON i.id = c.current_id
LEFT JOIN renewals AS r ON r.issued_id = c.current_id
LEFT JOIN issuances AS g ON g.id = i.issuance_id
LEFT JOIN accounts AS a ON a.id = g.account_id
LEFT JOIN issuances AS o ON o.certificate = c.name AND o.ended_at IS NULL AND o.rival = 0
LEFT JOIN (
    SELECT
        e.certificate, e.issued_id,
        sum(CASE WHEN e.status = 'served' THEN 1 ELSE 0 END) AS served,
        sum(CASE WHEN e.status = 'installed' THEN 1 ELSE 0 END) AS installed,
        sum(CASE WHEN e.status = 'failed' THEN 1 ELSE 0 END) AS failed,
        min(CASE WHEN e.status = 'failed' THEN e.failure END) AS failure,
        min(CASE WHEN e.status = 'failed' THEN e.retry_at END) AS retry_at
    FROM deployments AS e
    GROUP BY e.certificate, e.issued_id
) AS d ON d.certificate = c.name AND d.issued_id = c.current_id
ORDER BY c.name;
