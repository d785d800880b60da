-- The ground: what is wanted, what is true, what happened.
-- Moments are microseconds since 1970. Empty text means "none" where a text may be missing. A number that
-- somebody may remember is never given again (AUTOINCREMENT), so that what he remembers is it or nothing.

CREATE TABLE keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose TEXT NOT NULL CHECK (purpose IN ('account', 'certificate')),
    fingerprint TEXT NOT NULL, -- SHA-256 of the public key (SPKI); the seal is bound to it
    sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (purpose, fingerprint)
);

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ca TEXT NOT NULL,
    name TEXT NOT NULL,
    key_id BIGINT NOT NULL REFERENCES keys (id),
    url TEXT NOT NULL DEFAULT '', -- empty until the CA has answered newAccount
    status TEXT NOT NULL DEFAULT 'valid' CHECK (status IN ('valid', 'deactivated', 'revoked')),
    contacts TEXT NOT NULL DEFAULT '[]',
    next_key_id BIGINT REFERENCES keys (id) -- set while a rollover's outcome is unknown
);

-- A deactivated account stays, for its orders; another may then have its name.
CREATE UNIQUE INDEX accounts_in_use ON accounts (ca, name) WHERE status = 'valid';
CREATE INDEX accounts_by_key ON accounts (key_id);
CREATE INDEX accounts_by_next_key ON accounts (next_key_id) WHERE next_key_id IS NOT NULL;

CREATE TABLE cas (
    directory TEXT PRIMARY KEY,
    access TEXT NOT NULL -- how this installation goes there
);

CREATE TABLE directories (
    ca TEXT PRIMARY KEY,
    urls TEXT NOT NULL, -- what the CA's directory said when it was last read
    seen_at BIGINT NOT NULL
);

CREATE TABLE chains (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE -- SHA-256 of its certificates' DER, one after the other
);

CREATE TABLE chain_certificates (
    chain_id BIGINT NOT NULL REFERENCES chains (id) ON DELETE CASCADE,
    position INTEGER NOT NULL, -- 0 is the leaf's issuer
    der BLOB NOT NULL,
    PRIMARY KEY (chain_id, position)
);

CREATE TABLE certificates (
    name TEXT PRIMARY KEY,
    intent TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    next_action_at BIGINT NOT NULL,
    woken INTEGER NOT NULL DEFAULT 0, -- 1: asked for since the last plan, so the next one must not put it off
    current_id BIGINT REFERENCES issued (id),
    forced INTEGER NOT NULL DEFAULT 0, -- 1: issue although nothing is due
    failures INTEGER NOT NULL DEFAULT 0,
    retry_at BIGINT,
    failure TEXT,
    ari_poll_at BIGINT,
    -- Who works on it and until when, and how often that has changed: for more than one node.
    lease_owner TEXT,
    lease_until BIGINT,
    epoch BIGINT NOT NULL DEFAULT 0
);

-- With the name in it, the order of work needs no sorting and "nothing is due" touches no row.
CREATE INDEX certificates_due ON certificates (next_action_at, name);
CREATE INDEX certificates_by_current ON certificates (current_id);

CREATE TABLE issuances (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    certificate TEXT NOT NULL REFERENCES certificates (name) ON DELETE CASCADE,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    status TEXT NOT NULL CHECK (
        status IN (
            'keyed', -- -> placing, abandoned
            'placing', -- -> ordered, abandoned
            'ordered', -- -> issued, abandoned
            'issued',
            'abandoned'
        )
    ),
    key_id BIGINT REFERENCES keys (id), -- none where the CSR came from outside
    csr BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT, -- none while it is open
    order_url TEXT NOT NULL DEFAULT '',
    replaces TEXT NOT NULL DEFAULT '',
    profile TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '', -- why it was abandoned
    CHECK ((ended_at IS NULL) = (status IN ('keyed', 'placing', 'ordered')))
);

CREATE UNIQUE INDEX one_open_issuance ON issuances (certificate) WHERE ended_at IS NULL;
-- A CA may answer equal orders of two certificates with one order; only one of them may finish it.
CREATE UNIQUE INDEX one_issuance_per_order ON issuances (order_url) WHERE status = 'ordered';
CREATE INDEX issuances_by_certificate ON issuances (certificate);
CREATE INDEX issuances_by_account ON issuances (account_id, created_at);
CREATE INDEX issuances_by_key ON issuances (key_id);
CREATE INDEX issuances_ended ON issuances (ended_at) WHERE ended_at IS NOT NULL;

-- No cascade: while something stands outside, nothing that knows of it may go.
CREATE TABLE presented (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    issuance_id BIGINT NOT NULL REFERENCES issuances (id),
    identifier_type TEXT NOT NULL,
    identifier TEXT NOT NULL,
    challenge_type TEXT NOT NULL,
    challenge_url TEXT NOT NULL,
    token TEXT NOT NULL,
    solver TEXT NOT NULL,
    options TEXT NOT NULL, -- secrets are references here, never themselves
    place TEXT NOT NULL,
    content TEXT NOT NULL,
    reference TEXT NOT NULL DEFAULT ''
);

CREATE INDEX presented_by_issuance ON presented (issuance_id);

CREATE TABLE issued (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    certificate TEXT NOT NULL REFERENCES certificates (name) ON DELETE CASCADE,
    issuance_id BIGINT REFERENCES issuances (id) ON DELETE SET NULL,
    key_id BIGINT REFERENCES keys (id),
    chain_id BIGINT NOT NULL REFERENCES chains (id),
    serial TEXT NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    issuer TEXT NOT NULL,
    ari_id TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revocation_reason INTEGER,
    UNIQUE (certificate, fingerprint)
);

CREATE INDEX issued_by_fingerprint ON issued (fingerprint);
CREATE INDEX issued_by_serial ON issued (serial);
CREATE INDEX issued_by_issuance ON issued (issuance_id);
CREATE INDEX issued_by_key ON issued (key_id);
CREATE INDEX issued_by_chain ON issued (chain_id);
CREATE INDEX issued_by_expiry ON issued (not_after);
CREATE INDEX issued_by_moment ON issued (issued_at);

-- Apart from `issued`, so that a scan of that reads no certificate bodies.
CREATE TABLE issued_bodies (
    issued_id INTEGER PRIMARY KEY REFERENCES issued (id) ON DELETE CASCADE,
    leaf BLOB NOT NULL
);

CREATE TABLE renewals (
    issued_id INTEGER PRIMARY KEY REFERENCES issued (id) ON DELETE CASCADE,
    window_start BIGINT NOT NULL,
    window_end BIGINT NOT NULL,
    moment BIGINT NOT NULL, -- drawn once per window
    poll_at BIGINT NOT NULL,
    explanation_url TEXT NOT NULL
);

CREATE TABLE deployments (
    certificate TEXT NOT NULL REFERENCES certificates (name) ON DELETE CASCADE,
    target TEXT NOT NULL,
    issued_id BIGINT NOT NULL REFERENCES issued (id) ON DELETE CASCADE,
    status TEXT NOT NULL CHECK (status IN ('pending', 'installed', 'served', 'failed')),
    changed_at BIGINT NOT NULL,
    failures INTEGER NOT NULL,
    retry_at BIGINT,
    failure TEXT,
    detail TEXT NOT NULL,
    PRIMARY KEY (certificate, target)
);

CREATE INDEX deployments_by_issued ON deployments (issued_id);

-- hash = SHA-256 of the hash before, `at` and `body`, with a blank between; see store/events.py.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    certificate TEXT NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
);

CREATE INDEX events_by_certificate ON events (certificate, id);

-- The last event that retention removed; the chain begins after it.
CREATE TABLE event_anchor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id BIGINT NOT NULL,
    hash TEXT NOT NULL
);

INSERT INTO event_anchor (one, id, hash) VALUES (1, 0, '');

CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN
    SELECT raise(ABORT, 'an event is never changed');
END;

CREATE TRIGGER events_go_behind_the_anchor BEFORE DELETE ON events
WHEN old.id > (SELECT id FROM event_anchor)
BEGIN
    SELECT raise(ABORT, 'an event goes only once the anchor has passed it');
END;

-- All that the planner needs to know of a certificate, but what it may have several of. The
-- columns stand in the order in which store/certificates.py reads them.
CREATE VIEW facts AS
SELECT
    c.name,
    c.next_action_at,
    c.intent,
    c.failures,
    c.retry_at,
    c.failure,
    c.forced,
    c.ari_poll_at,
    c.created_at,
    i.id AS issued_id,
    i.certificate AS issued_certificate,
    i.issuance_id AS issued_issuance_id,
    i.key_id AS issued_key_id,
    i.serial,
    i.not_before,
    i.not_after,
    i.fingerprint,
    i.issuer,
    i.ari_id,
    i.issued_at,
    i.revoked_at,
    o.id AS open_id,
    o.certificate AS open_certificate,
    o.account_id AS open_account_id,
    o.status AS open_status,
    o.key_id AS open_key_id,
    o.csr AS open_csr,
    o.created_at AS open_created_at,
    o.order_url AS open_order_url,
    o.replaces AS open_replaces,
    o.profile AS open_profile,
    r.window_start,
    r.window_end,
    r.moment,
    r.poll_at,
    r.explanation_url
FROM certificates AS c
LEFT JOIN issued AS i ON i.id = c.current_id
LEFT JOIN issuances AS o ON o.certificate = c.name AND o.ended_at IS NULL
LEFT JOIN renewals AS r ON r.issued_id = c.current_id;
