-- name: authorization
-- By its number.
SELECT
    id, account_id, identifier_type, identifier, wildcard, subdomains, profile, status, token, offered, attempted,
    attempted_at, validated_at, error, expires_at, response, evidence
FROM authorizations WHERE id = :id;

-- name: authorizations of an identifier
-- Those that an order of the account may use: pending ones that nobody has begun, and valid ones.
SELECT
    id, account_id, identifier_type, identifier, wildcard, subdomains, profile, status, token, offered, attempted,
    attempted_at, validated_at, error, expires_at, response, evidence
FROM authorizations
WHERE
    account_id = :account_id
    AND identifier = :identifier
    AND identifier_type = :identifier_type
    AND status IN ('pending', 'valid')
    AND expires_at > :alive
ORDER BY status DESC, expires_at DESC
LIMIT 20;

-- name: add authorization
-- Pending, or valid where the account has the right already.
INSERT INTO authorizations (
    id, account_id, identifier_type, identifier, wildcard, subdomains, profile, status, token, offered, attempted,
    validated_at, evidence, created_at, expires_at
)
VALUES (
    :id, :account_id, :identifier_type, :identifier, :wildcard, :subdomains, :profile, :status, :token, :offered,
    :attempted, :validated_at, :evidence, :created_at, :expires_at
);

-- name: begin attempt
-- The first challenge that is answered is the one.
UPDATE authorizations SET attempted = :type, response = :response, attempted_at = :now, attempt_until = :until
WHERE id = :id AND status = 'pending' AND attempted = '' AND expires_at > :now
RETURNING
    id, account_id, identifier_type, identifier, wildcard, subdomains, profile, status, token, offered, attempted,
    attempted_at, validated_at, error, expires_at, response, evidence;

-- name: validated
-- It is the account's until it expires, if whoever says so is still at it: a turn ends later than every one before.
-- What the challenge was answered with says more about a device than is needed.
UPDATE authorizations SET
    status = 'valid', validated_at = :now, expires_at = :expires_at, evidence = :evidence, attempt_until = NULL,
    response = ''
WHERE id = :id AND status = 'pending' AND expires_at > :now AND attempted = :type AND attempt_until = :turn
RETURNING id;

-- name: refuted
-- With the reason as its owner sees it, if whoever gives it is still at it.
UPDATE authorizations SET status = 'invalid', error = :error, attempt_until = NULL, response = ''
WHERE id = :id AND status = 'pending' AND expires_at > :now AND attempt_until = :turn
RETURNING id;

-- name: deactivate authorization
-- Its owner gives it up.
UPDATE authorizations SET status = 'deactivated', attempt_until = NULL
WHERE id = :id AND status IN ('pending', 'valid') AND expires_at > :now
RETURNING
    id, account_id, identifier_type, identifier, wildcard, subdomains, profile, status, token, offered, attempted,
    attempted_at, validated_at, error, expires_at, response, evidence;

-- name: take over attempts
-- Those whose node has not ended them in its time are this node's now.
UPDATE authorizations SET attempt_until = :until
WHERE
    id IN (
        SELECT id FROM authorizations WHERE status = 'pending' AND attempt_until < :now AND expires_at > :now
        ORDER BY attempt_until
        LIMIT :limit
    )
    AND attempt_until < :now
RETURNING
    id, account_id, identifier_type, identifier, wildcard, subdomains, profile, status, token, offered, attempted,
    attempted_at, validated_at, error, expires_at, response, evidence;
