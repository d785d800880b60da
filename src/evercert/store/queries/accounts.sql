-- name: account in use
-- The one of that name at that CA that is not deactivated.
SELECT id, ca, name, key_id, url, status, contacts, next_key_id, eab_kid FROM accounts
WHERE ca = :ca AND name = :name AND status = 'valid';

-- name: account
-- By its number.
SELECT id, ca, name, key_id, url, status, contacts, next_key_id, eab_kid FROM accounts WHERE id = :id;

-- name: all accounts
-- Deactivated ones too.
SELECT id, ca, name, key_id, url, status, contacts, next_key_id, eab_kid FROM accounts ORDER BY ca, name, id;

-- name: add account
-- One whose key is durable; its URL may not be known yet.
INSERT INTO accounts (ca, name, key_id, url, contacts) VALUES (:ca, :name, :key_id, :url, :contacts)
RETURNING id, ca, name, key_id, url, status, contacts, next_key_id, eab_kid;

-- name: account is registered
-- The CA has answered newAccount; it never answers with another URL for the same key.
UPDATE accounts SET url = :url, contacts = :contacts, eab_kid = :eab_kid
WHERE id = :id AND status = 'valid' AND url IN ('', :url)
RETURNING id, ca, name, key_id, url, status, contacts, next_key_id, eab_kid;

-- name: change contacts
-- As the CA has accepted them.
UPDATE accounts SET contacts = :contacts WHERE id = :id AND status = 'valid'
RETURNING id, ca, name, key_id, url, status, contacts, next_key_id, eab_kid;

-- name: end account
-- It cannot be used any more, and never again; with another key than the one that was asked with it may be used.
UPDATE accounts SET status = :status
WHERE id = :id AND status = 'valid' AND key_id = :key_id AND coalesce(next_key_id, 0) = :next_key_id
RETURNING id, ca, name, key_id, url, status, contacts, next_key_id, eab_kid;

-- name: begin rollover
-- From here until the CA's answer is kept, either key may be the account's.
UPDATE accounts SET next_key_id = :next_key_id WHERE id = :id AND status = 'valid' AND next_key_id IS NULL
RETURNING id, ca, name, key_id, url, status, contacts, next_key_id, eab_kid;

-- name: end rollover
-- The key that the CA knows is the account's, and the other is not.
UPDATE accounts SET key_id = :key_id, next_key_id = NULL
WHERE id = :id AND next_key_id IS NOT NULL AND :key_id IN (key_id, next_key_id)
RETURNING id, ca, name, key_id, url, status, contacts, next_key_id, eab_kid;

-- name: account of an issuance
-- The CA that was asked, and the account's name there.
SELECT a.ca, a.name FROM issuances AS o INNER JOIN accounts AS a ON a.id = o.account_id WHERE o.id = :id;

-- name: made with an external account
-- Those that the CA has made with it, without the one that is meant, and whether it makes no other one.
SELECT name, eab_spent FROM accounts WHERE ca = :ca AND eab_kid = :eab_kid AND eab_kid <> '' AND id <> :but ORDER BY id;

-- name: external account is spent
-- The CA has refused it for another one; or somebody gives it anew.
UPDATE accounts SET eab_spent = :eab_spent WHERE ca = :ca AND eab_kid = :eab_kid AND eab_kid <> '';
