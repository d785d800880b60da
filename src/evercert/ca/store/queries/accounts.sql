-- name: account
-- By its number.
SELECT id, jwk, thumbprint, status, contacts, terms_agreed_at, eab_kid, created_at FROM accounts WHERE id = :id;

-- name: account of a key
-- Whatever its status.
SELECT id, jwk, thumbprint, status, contacts, terms_agreed_at, eab_kid, created_at
FROM accounts WHERE thumbprint = :thumbprint;

-- name: add account
-- A key that has one already is a conflict.
INSERT INTO accounts (
    id, thumbprint, jwk, status, contacts, terms_agreed_at, eab_kid, binding, created_at, created_from
)
VALUES (
    :id, :thumbprint, :jwk, 'valid', :contacts, :terms_agreed_at, :eab_kid, :binding, :created_at, :created_from
)
RETURNING id, jwk, thumbprint, status, contacts, terms_agreed_at, eab_kid, created_at;

-- name: set contacts
-- Of one that is in use.
UPDATE accounts SET contacts = :contacts WHERE id = :id AND status = 'valid'
RETURNING id, jwk, thumbprint, status, contacts, terms_agreed_at, eab_kid, created_at;

-- name: end account
-- It is never taken back.
UPDATE accounts SET status = :status WHERE id = :id AND status = 'valid'
RETURNING id, jwk, thumbprint, status, contacts, terms_agreed_at, eab_kid, created_at;

-- name: end authorizations of an account
-- With the account goes every right that it had.
UPDATE authorizations SET status = 'deactivated', attempt_until = NULL
WHERE account_id = :id AND status IN ('pending', 'valid') AND expires_at > :now;

-- name: end orders of an account
-- Those that have no certificate yet.
UPDATE orders SET status = 'invalid', error = :error, processing_until = NULL, recur_at = NULL
WHERE account_id = :id AND status IN ('pending', 'processing');

-- name: end recurrences of an account
-- No further certificates come of its recurrent orders.
UPDATE orders SET status = 'canceled', recur_at = NULL WHERE account_id = :id AND recur_at IS NOT NULL;

-- name: remember thumbprint
-- What was proved with the old key stays proved.
INSERT INTO former_thumbprints (account_id, thumbprint, changed_at)
SELECT id, thumbprint, :now FROM accounts WHERE id = :id AND thumbprint = :old
ON CONFLICT (account_id, thumbprint) DO NOTHING;

-- name: change key
-- If it still has the old one.
UPDATE accounts SET thumbprint = :thumbprint, jwk = :jwk WHERE id = :id AND status = 'valid' AND thumbprint = :old
RETURNING id, jwk, thumbprint, status, contacts, terms_agreed_at, eab_kid, created_at;

-- name: forget thumbprints
-- But the newest: an account may change its key as often as it likes.
DELETE FROM former_thumbprints
WHERE
    account_id = :id
    AND thumbprint NOT IN (
        SELECT thumbprint FROM former_thumbprints WHERE account_id = :id ORDER BY changed_at DESC LIMIT :limit
    );

-- name: former thumbprints
-- Of the keys that it had, as far as they are remembered.
SELECT thumbprint FROM former_thumbprints WHERE account_id = :id ORDER BY changed_at DESC;
