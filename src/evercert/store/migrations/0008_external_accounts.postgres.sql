-- The twin of 0008_external_accounts.sql for PostgreSQL: text that is compared byte by byte.

-- With which external account (RFC 8555, 7.3.4) an account was made, and whether that makes no other one.

-- Empty where there was none, and for an account from before, of which nobody wrote it down.
ALTER TABLE accounts ADD COLUMN eab_kid TEXT COLLATE "C" NOT NULL DEFAULT '';
-- 1 once the CA has refused it for another account.
ALTER TABLE accounts ADD COLUMN eab_spent BIGINT NOT NULL DEFAULT 0;
CREATE INDEX accounts_by_external_account ON accounts (ca, eab_kid) WHERE eab_kid <> '';
