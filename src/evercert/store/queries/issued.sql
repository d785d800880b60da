-- name: keep chain
-- Each chain is kept once, however many certificates have it.
INSERT INTO chains (fingerprint) VALUES (:fingerprint) ON CONFLICT (fingerprint) DO NOTHING;

-- name: keep chain certificate
-- One issuer of the chain; 0 is the leaf's.
INSERT INTO chain_certificates (chain_id, position, der)
SELECT id, :position, :der FROM chains WHERE fingerprint = :fingerprint
ON CONFLICT (chain_id, position) DO NOTHING;

-- name: chain of a fingerprint
-- Whether it is there.
SELECT id FROM chains WHERE fingerprint = :fingerprint;

-- name: keep certificate
-- What was issued, but for its bytes.
INSERT INTO issued (
    certificate, issuance_id, key_id, chain_id, serial, not_before, not_after, fingerprint, issuer, ari_id, issued_at,
    names
)
SELECT
    :certificate, :issuance_id, :key_id, id, :serial, :not_before, :not_after, :fingerprint, :issuer, :ari_id,
    :issued_at, :names
FROM chains WHERE fingerprint = :chain
RETURNING
    id, certificate, issuance_id, key_id, serial, not_before, not_after, fingerprint, issuer, ari_id, issued_at,
    revoked_at, names;

-- name: keep certificate body
-- The leaf's DER.
INSERT INTO issued_bodies (issued_id, leaf)
SELECT id, :leaf FROM issued WHERE certificate = :certificate AND fingerprint = :fingerprint;

-- name: make certificate current
-- It is the one to install, whatever was wrong is over, and the planner looks at once.
UPDATE certificates
SET
    current_id = (SELECT id FROM issued WHERE certificate = :certificate AND fingerprint = :fingerprint),
    failures = 0,
    retry_at = NULL,
    failure = NULL,
    forced = 0,
    hold = '',
    trials = '',
    ari_poll_at = NULL,
    on_schedule = (SELECT count(*) FROM issuances WHERE id = :issuance_id AND cause = 'due'),
    next_action_at = :now
WHERE name = :certificate;

-- name: issued certificate
-- By its number.
SELECT
    id, certificate, issuance_id, key_id, serial, not_before, not_after, fingerprint, issuer, ari_id, issued_at,
    revoked_at, names
FROM issued WHERE id = :id;

-- name: ca of issued certificate
-- None for one that came from elsewhere.
SELECT a.ca
FROM issued AS i
INNER JOIN issuances AS o ON o.id = i.issuance_id
INNER JOIN accounts AS a ON a.id = o.account_id
WHERE i.id = :id;

-- name: current certificate
-- The one that is to be installed.
SELECT
    id, certificate, issuance_id, key_id, serial, not_before, not_after, fingerprint, issuer, ari_id, issued_at,
    revoked_at, names
FROM issued WHERE id = (SELECT current_id FROM certificates WHERE name = :certificate);

-- name: history
-- All that is kept of one certificate, newest first.
SELECT
    id, certificate, issuance_id, key_id, serial, not_before, not_after, fingerprint, issuer, ari_id, issued_at,
    revoked_at, names
FROM issued WHERE certificate = :certificate ORDER BY id DESC;

-- name: leaf
-- Its DER.
SELECT leaf FROM issued_bodies WHERE issued_id = :id;

-- name: chain
-- Its issuers' DER, the leaf's first.
SELECT c.der
FROM issued AS i
INNER JOIN chain_certificates AS c ON c.chain_id = i.chain_id
WHERE i.id = :id
ORDER BY c.position;

-- name: revoke certificate
-- The CA has revoked it, and it was not known before.
UPDATE issued SET revoked_at = :at, revocation_reason = :reason WHERE id = :id AND revoked_at IS NULL;

-- name: replace revoked certificate
-- If that is the current one, its replacement is due at once, whatever kept it waiting when it was routine; if not, it
-- may be in use where the current one waits to be installed.
UPDATE certificates
SET
    next_action_at = :now,
    woken = 1,
    retry_at = CASE WHEN current_id = :id THEN NULL ELSE retry_at END,
    hold = CASE WHEN current_id = :id THEN '' ELSE hold END,
    trials = CASE WHEN current_id = :id THEN '' ELSE trials END
WHERE name = (SELECT i.certificate FROM issued AS i WHERE i.id = :id);

-- name: prune issued
-- Expired before that moment, superseded, and installed nowhere.
DELETE FROM issued
WHERE
    id IN (
        SELECT i.id FROM issued AS i
        WHERE
            i.not_after < :before
            AND NOT EXISTS (SELECT 1 FROM certificates WHERE current_id = i.id)
            AND NOT EXISTS (SELECT 1 FROM deployments WHERE issued_id = i.id)
        ORDER BY i.not_after
        LIMIT :limit
    )
RETURNING id;

-- name: prune chains
-- Those that no certificate has any more.
DELETE FROM chains WHERE NOT EXISTS (SELECT 1 FROM issued WHERE chain_id = chains.id) RETURNING id;
