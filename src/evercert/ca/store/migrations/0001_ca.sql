-- The private CA's memory: who may ask, what was asked, what was proved, what was signed.
-- Moments are microseconds since 1970. Numbers of accounts, orders and authorizations are drawn (time first, then
-- chance), so that everything of one request is written in one transaction, on any node. Empty text means "none".
-- INTEGER PRIMARY KEY is SQLite's word for the row's own number, which has 64 bits and needs no index beside the table.

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    thumbprint TEXT NOT NULL UNIQUE, -- RFC 7638; one key, one account
    jwk TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('valid', 'deactivated', 'revoked')),
    contacts TEXT NOT NULL DEFAULT '[]',
    terms_agreed_at BIGINT, -- none where no terms were to be agreed to
    eab_kid TEXT NOT NULL DEFAULT '', -- the external account that it is bound to
    binding TEXT NOT NULL DEFAULT '', -- the binding as it was sent (RFC 8555 section 7.3.4)
    created_at BIGINT NOT NULL,
    created_from TEXT NOT NULL DEFAULT ''
);

CREATE INDEX accounts_by_eab ON accounts (eab_kid) WHERE eab_kid <> '';

-- Thumbprints that an account had before a rollover: records of dns-persist-01 made with them stay good.
CREATE TABLE former_thumbprints (
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    thumbprint TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, thumbprint)
);

CREATE TABLE eab_keys (
    kid TEXT PRIMARY KEY,
    sealed BLOB NOT NULL,
    algorithms TEXT NOT NULL,
    label TEXT NOT NULL DEFAULT '',
    reusable INTEGER NOT NULL, -- 0: the first account that is bound uses it up
    authorizes INTEGER NOT NULL, -- 1: names that it allows need no challenge
    names TEXT NOT NULL DEFAULT '', -- a name policy as JSON; empty: whatever the profile allows
    profiles TEXT NOT NULL DEFAULT '[]', -- the profiles that it may order; empty: all
    uses BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);

CREATE TABLE authorizations (
    id INTEGER PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    identifier_type TEXT NOT NULL,
    identifier TEXT NOT NULL, -- without its `*.`
    wildcard INTEGER NOT NULL DEFAULT 0,
    subdomains INTEGER NOT NULL DEFAULT 0, -- 1: good for every name below (RFC 9444)
    profile TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'valid', 'invalid', 'deactivated', 'revoked')),
    token TEXT NOT NULL,
    offered TEXT NOT NULL, -- challenge types, separated by spaces
    attempted TEXT NOT NULL DEFAULT '', -- the challenge that was answered
    response TEXT NOT NULL DEFAULT '', -- what it was answered with, where that matters (device-attest-01)
    attempted_at BIGINT,
    attempt_until BIGINT, -- until then its node is taken to be at it
    validated_at BIGINT,
    error TEXT NOT NULL DEFAULT '',
    evidence TEXT NOT NULL DEFAULT '', -- what was found out, for whoever issues (an attested key)
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX authorizations_to_reuse ON authorizations (account_id, identifier);
CREATE INDEX authorizations_attempted ON authorizations (attempt_until)
WHERE status = 'pending' AND attempt_until IS NOT NULL;
CREATE INDEX authorizations_expiring ON authorizations (expires_at);

CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    -- `ready` is no column: an order whose authorizations are all valid is ready, and one with a failed one is invalid.
    status TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'valid', 'invalid', 'canceled')),
    identifiers TEXT NOT NULL, -- JSON, in order
    digest TEXT NOT NULL, -- of what was asked, to find an identical one
    profile TEXT NOT NULL,
    replaces TEXT NOT NULL DEFAULT '', -- serial number of the certificate that it replaces (RFC 9773)
    not_before BIGINT,
    not_after BIGINT,
    csr BLOB, -- from `processing` on
    processing_until BIGINT, -- until then its node is taken to be at it
    certificate TEXT NOT NULL DEFAULT '', -- serial number
    error TEXT NOT NULL DEFAULT '',
    recurrence TEXT NOT NULL DEFAULT '', -- JSON: auto-renewal (RFC 8739)
    recur_at BIGINT, -- when the next certificate of a recurrent order is due
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX orders_of_account ON orders (account_id, id);
CREATE INDEX orders_to_reuse ON orders (account_id, digest) WHERE status = 'pending';
CREATE INDEX orders_processing ON orders (processing_until) WHERE status = 'processing';
CREATE INDEX orders_recurring ON orders (recur_at) WHERE recur_at IS NOT NULL;
CREATE INDEX orders_expiring ON orders (expires_at);

CREATE TABLE order_authorizations (
    order_id BIGINT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    authorization_id BIGINT NOT NULL REFERENCES authorizations (id),
    PRIMARY KEY (order_id, position)
) WITHOUT ROWID;

CREATE INDEX orders_of_authorization ON order_authorizations (authorization_id);

CREATE TABLE certificates (
    serial TEXT PRIMARY KEY, -- lower-case hex without leading zeros
    account_id BIGINT NOT NULL, -- 0: the CA's own
    order_id BIGINT NOT NULL,
    issuer TEXT NOT NULL,
    profile TEXT NOT NULL,
    identifiers TEXT NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    key_digest TEXT NOT NULL, -- SHA-256 of the SPKI
    revoked_at BIGINT,
    reason INTEGER,
    replaced_by BIGINT, -- the order that named it in `replaces`
    window_start BIGINT, -- where an operator has moved the renewal window (an incident)
    window_end BIGINT,
    explanation TEXT NOT NULL DEFAULT '',
    crl_partition INTEGER NOT NULL DEFAULT 0 -- the part of its issuer's CRL that it is in; 0: the whole alone
);

CREATE INDEX certificates_of_account ON certificates (account_id, issued_at);
CREATE INDEX certificates_of_order ON certificates (order_id);
CREATE INDEX certificates_by_key ON certificates (key_digest);
CREATE INDEX certificates_expiring ON certificates (not_after);
CREATE INDEX certificates_replaced ON certificates (replaced_by) WHERE replaced_by IS NOT NULL;

CREATE TABLE certificate_bodies (
    serial TEXT PRIMARY KEY REFERENCES certificates (serial) ON DELETE CASCADE,
    der BLOB NOT NULL
) WITHOUT ROWID;

-- Keys that are known to others, or were said to be; none of them is certified again.
CREATE TABLE blocked_keys (
    key_digest TEXT PRIMARY KEY,
    blocked_at BIGINT NOT NULL,
    reason TEXT NOT NULL
);

-- What is listed: a CRL's entry for each revoked certificate, in the order in which lists and deltas are read. One whose
-- certificate has expired stays until a list was made after that (RFC 5280 section 3.3).
CREATE TABLE revocations (
    issuer TEXT NOT NULL,
    partition INTEGER NOT NULL,
    serial TEXT NOT NULL,
    revoked_at BIGINT NOT NULL,
    reason INTEGER NOT NULL,
    not_after BIGINT NOT NULL,
    entry BLOB NOT NULL, -- DER
    PRIMARY KEY (issuer, partition, revoked_at, serial)
) WITHOUT ROWID;

CREATE INDEX revocations_expiring ON revocations (not_after);

-- What an issuer's lists are about: 0 is everything, each other number the certificates of that `crl_partition`.
CREATE TABLE crl_scopes (
    issuer TEXT NOT NULL,
    partition INTEGER NOT NULL,
    number BIGINT NOT NULL DEFAULT 0, -- the last that was drawn, for a whole list or a delta (RFC 5280 section 5.2.3)
    revoked BIGINT NOT NULL DEFAULT 0, -- revocations of certificates in it so far: a list that knows fewer is behind
    PRIMARY KEY (issuer, partition)
);

-- The newest lists. Their octets are in pieces, written before the row says that they are there.
CREATE TABLE crls (
    issuer TEXT NOT NULL,
    partition INTEGER NOT NULL,
    delta INTEGER NOT NULL, -- 1: what came since the base
    number BIGINT NOT NULL,
    base BIGINT NOT NULL DEFAULT 0, -- of a delta: the number of the list that it goes on from
    this_update BIGINT NOT NULL,
    next_update BIGINT NOT NULL,
    revoked BIGINT NOT NULL, -- what its scope's `revoked` was
    entries BIGINT NOT NULL,
    octets BIGINT NOT NULL,
    digest TEXT NOT NULL, -- SHA-256
    bases TEXT NOT NULL DEFAULT '[]', -- JSON: those before it that somebody may still hold, for deltas
    PRIMARY KEY (issuer, partition, delta)
);

CREATE TABLE crl_pieces (
    issuer TEXT NOT NULL,
    partition INTEGER NOT NULL,
    delta INTEGER NOT NULL,
    number BIGINT NOT NULL,
    position INTEGER NOT NULL,
    der BLOB NOT NULL,
    PRIMARY KEY (issuer, partition, delta, number, position)
);

-- Answers of OCSP that were signed before anybody asked. They say `good`; who serves one looks whether that is so still.
CREATE TABLE ocsp_responses (
    serial TEXT PRIMARY KEY REFERENCES certificates (serial) ON DELETE CASCADE,
    this_update BIGINT NOT NULL,
    next_update BIGINT NOT NULL,
    der BLOB NOT NULL
);

-- Work that one node does for all: whose it is, and until when he is taken to be at it.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder BIGINT NOT NULL,
    held_until BIGINT NOT NULL
);

-- How far each limit's bucket is emptied: the theoretical arrival time of GCRA.
CREATE TABLE limits (
    bucket TEXT PRIMARY KEY,
    arrival BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX limits_arrived ON limits (arrival);

CREATE TABLE pauses (
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    identifier TEXT NOT NULL,
    failures BIGINT NOT NULL,
    paused_at BIGINT,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, identifier)
);

-- Nonces that were used, where several nodes share them.
CREATE TABLE burned_nonces (
    nonce TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE INDEX burned_nonces_expiring ON burned_nonces (expires_at);

-- What all nodes share and nobody else may know.
CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
);

-- Each record's hash covers the one before it; what retention takes away stands in the anchor.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
);

CREATE TABLE audit_anchor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id BIGINT NOT NULL,
    hash TEXT NOT NULL
);

INSERT INTO audit_anchor (one, id, hash) VALUES (1, 0, '');

CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN
    SELECT raise(ABORT, 'an audit record is never changed');
END;

CREATE TRIGGER audit_goes_behind_the_anchor BEFORE DELETE ON audit
WHEN old.id > (SELECT id FROM audit_anchor)
BEGIN
    SELECT raise(ABORT, 'an audit record goes only once the anchor has passed it');
END;
