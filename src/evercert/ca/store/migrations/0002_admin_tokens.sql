-- Whoever may use the admin API by a token. The token itself stands nowhere.

CREATE TABLE admin_tokens (
    id TEXT PRIMARY KEY, -- the part of it that may be seen
    digest TEXT NOT NULL, -- SHA-256 of the part that may not, 256 bits of chance
    name TEXT NOT NULL, -- whose it is, for the audit
    role TEXT NOT NULL CHECK (role IN ('read', 'operate')),
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
