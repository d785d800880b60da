-- The twin of 0004_fleet.sql for PostgreSQL: identity columns, text that is compared byte by byte.

-- The fleet: who works on what, what the CAs' limits leave, which CA was tried and how it went, what holds a certificate
-- back, what an incident replaces, who is told of events.

-- JSON, each empty where there is nothing to say: for which limit it waits and until when; why no CA is asked for it
-- until somebody says so; what came of the CAs that were tried for it.
ALTER TABLE certificates ADD COLUMN hold TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE certificates ADD COLUMN stopped TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE certificates ADD COLUMN trials TEXT COLLATE "C" NOT NULL DEFAULT '';
-- Of a merged certificate: which of those that it is made of it goes without for now, and why.
ALTER TABLE certificates ADD COLUMN left_out TEXT COLLATE "C" NOT NULL DEFAULT '';
-- What a certificate is for, apart by spaces; it may be less than what is wanted.
ALTER TABLE issued ADD COLUMN names TEXT COLLATE "C" NOT NULL DEFAULT '';

-- What is due together is done in this order: 0 to 3 by criticality where the end is near, 4 to 7 else.
ALTER TABLE certificates ADD COLUMN rank INTEGER NOT NULL DEFAULT 6;
DROP INDEX certificates_due;
-- With the name in it, the order of work needs no sorting and "nothing is due" touches no row.
CREATE INDEX certificates_due ON certificates (rank, next_action_at, name);

-- In which lane it waits for a place, where its hold says that one is full.
ALTER TABLE certificates ADD COLUMN lane TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX certificates_in_line ON certificates (lane, rank, next_action_at, name) WHERE lane <> '';

-- Nobody looks for a certificate by these; of a million they were a tenth of a gigabyte.
DROP INDEX issued_by_fingerprint;
DROP INDEX issued_by_serial;

CREATE INDEX certificates_leased ON certificates (lease_owner) WHERE lease_owner IS NOT NULL;
CREATE INDEX certificates_stopped ON certificates (name) WHERE stopped <> '';
CREATE INDEX certificates_held ON certificates (name) WHERE hold <> '';
-- Whose CA is to be asked next when to renew.
CREATE INDEX certificates_polled ON certificates (ari_poll_at) WHERE ari_poll_at IS NOT NULL;
CREATE INDEX certificates_failed ON certificates (name) WHERE failures > 0;
CREATE INDEX deployments_failed ON deployments (certificate) WHERE failures > 0;

-- 1: the current certificate came when the one before it was due, not at a moment that many may share. Of those that
-- are there already nobody knows; they stay as they were.
ALTER TABLE certificates ADD COLUMN on_schedule INTEGER NOT NULL DEFAULT 0;
UPDATE certificates SET on_schedule = 1;
-- A person looked after it then: what was begun before that says nothing of a loop.
ALTER TABLE certificates ADD COLUMN counted_from BIGINT NOT NULL DEFAULT 0;
-- Why it was begun (model/fact.py, Cause); empty where that was not written down yet.
ALTER TABLE issuances ADD COLUMN cause TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Close to its end a certificate may be asked of two CAs at once: the second issuance is the first one's rival.
ALTER TABLE issuances ADD COLUMN rival INTEGER NOT NULL DEFAULT 0;
-- JSON: the buckets that its order drew on, of which the CA counts certificates; given back where there comes none.
ALTER TABLE issuances ADD COLUMN paid TEXT COLLATE "C" NOT NULL DEFAULT '';
DROP INDEX one_open_issuance;
CREATE UNIQUE INDEX one_open_issuance ON issuances (certificate, rival) WHERE ended_at IS NULL;

-- When the order of an issuance that was given up is withdrawn at its CA; NULL once that is done or of no use.
ALTER TABLE issuances ADD COLUMN withdraw_at BIGINT;
CREATE INDEX issuances_to_withdraw ON issuances (certificate) WHERE withdraw_at IS NOT NULL;

-- What is left of a limit, as a token bucket that is refilled evenly: its theoretical arrival time, and until when
-- those that wait for it have been given a moment each.
CREATE TABLE budgets (
    ca TEXT COLLATE "C" NOT NULL, -- the directory, or 'dns:' and a provider
    scope TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL, -- what the CA counts by: an account, a domain, a set of names
    tat BIGINT NOT NULL,
    tail BIGINT NOT NULL DEFAULT 0,
    urgent_tail BIGINT NOT NULL DEFAULT 0, -- the same of those that may use what is kept for them
    learned_until BIGINT NOT NULL DEFAULT 0, -- the CA itself said that there is nothing left before that
    refusals BIGINT NOT NULL DEFAULT 0, -- how often in a row it said so without a time
    PRIMARY KEY (ca, scope, subject)
);

CREATE INDEX budgets_by_tat ON budgets (tat);

-- Who is among the so many at once that a lane has places for: an account at a CA, or a zone at a DNS provider.
CREATE TABLE lanes (
    lane TEXT COLLATE "C" NOT NULL,
    certificate TEXT COLLATE "C" NOT NULL REFERENCES certificates (name) ON DELETE CASCADE,
    until BIGINT, -- it is kept free for it so long; NULL once something was ordered, or may have been
    PRIMARY KEY (lane, certificate)
);

CREATE INDEX lanes_by_certificate ON lanes (certificate);

-- A CA that does not answer is asked by one certificate now and then, not by all of them.
CREATE TABLE ca_health (
    directory TEXT COLLATE "C" PRIMARY KEY,
    failures INTEGER NOT NULL,
    down_since BIGINT NOT NULL,
    retry_at BIGINT NOT NULL,
    failure TEXT COLLATE "C" NOT NULL
);

CREATE TABLE incidents (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('opening', 'open', 'paused', 'done', 'cancelled')),
    reason TEXT COLLATE "C" NOT NULL, -- in an operator's words
    selection TEXT COLLATE "C" NOT NULL, -- JSON: which certificates
    measures TEXT COLLATE "C" NOT NULL, -- JSON: what is done with them
    stalled TEXT COLLATE "C" NOT NULL DEFAULT '', -- why no further wave is released
    tolerated INTEGER NOT NULL DEFAULT 0 -- so many failures an operator has seen and taken
);

CREATE INDEX incidents_open ON incidents (id) WHERE state = 'open';

CREATE TABLE incident_certificates (
    incident_id BIGINT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    issued_id BIGINT NOT NULL REFERENCES issued (id) ON DELETE CASCADE,
    certificate TEXT COLLATE "C" NOT NULL,
    wave INTEGER NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'replacing', 'replaced', 'revoking', 'done', 'failed')),
    changed_at BIGINT NOT NULL,
    detail TEXT COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (incident_id, issued_id)
);

CREATE INDEX incident_certificates_by_state ON incident_certificates (incident_id, state, wave);
CREATE INDEX incident_certificates_by_issued ON incident_certificates (issued_id);
CREATE INDEX incident_certificates_replacing ON incident_certificates (issued_id, incident_id) WHERE state = 'replacing';

-- What happened and is not in the chain yet. Whoever lengthens the chain waits until the one before is kept or undone: if
-- every transaction with an event did that, none could commit beside another. So an event is kept here by the
-- transaction in which it happens, and moved into the chain, many at once, by whoever looks. Others write meanwhile; one
-- that is kept late is chained late, and never before one that anybody has seen in the chain.
CREATE TABLE unchained_events (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    certificate TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL
);

CREATE TRIGGER unchained_events_never_change BEFORE UPDATE ON unchained_events
FOR EACH ROW EXECUTE FUNCTION refuse_change_of_event();

-- Who is told of events: how far it was told, and how that goes.
CREATE TABLE hooks (
    name TEXT COLLATE "C" PRIMARY KEY,
    definition TEXT COLLATE "C" NOT NULL, -- JSON; secrets are references here, never themselves
    event_id BIGINT NOT NULL, -- the last event that it was told of, or that was not for it
    failures INTEGER NOT NULL DEFAULT 0,
    retry_at BIGINT,
    failure TEXT COLLATE "C",
    lease_owner TEXT COLLATE "C",
    lease_until BIGINT
);

DROP VIEW facts;

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
    c.leaving,
    c.hold,
    c.stopped,
    c.trials,
    c.on_schedule,
    c.left_out,
    (
        SELECT min(w.withdraw_at) FROM issuances AS w
        WHERE w.certificate = c.name AND w.withdraw_at IS NOT NULL
    ) AS withdraw_at,
    (
        SELECT min(m.incident_id) FROM incident_certificates AS m
        WHERE m.issued_id = c.current_id AND m.state = 'replacing'
    ) AS incident_id,
    (
        SELECT n.measures FROM incident_certificates AS m
        INNER JOIN incidents AS n ON n.id = m.incident_id
        WHERE m.issued_id = c.current_id AND m.state = 'replacing' AND n.measures LIKE '%"to_ca":%'
        ORDER BY n.id DESC
        LIMIT 1
    ) AS incident_measures,
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
    i.names AS issued_names,
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
    q.id AS rival_id,
    q.certificate AS rival_certificate,
    q.account_id AS rival_account_id,
    q.status AS rival_status,
    q.key_id AS rival_key_id,
    q.csr AS rival_csr,
    q.created_at AS rival_created_at,
    q.order_url AS rival_order_url,
    q.replaces AS rival_replaces,
    q.profile AS rival_profile,
    r.window_start,
    r.window_end,
    r.moment,
    coalesce(c.ari_poll_at, r.poll_at) AS poll_at,
    r.explanation_url
FROM certificates AS c
LEFT JOIN issued AS i ON i.id = c.current_id
LEFT JOIN issuances AS o ON o.certificate = c.name AND o.ended_at IS NULL AND o.rival = 0
LEFT JOIN issuances AS q ON q.certificate = c.name AND q.ended_at IS NULL AND q.rival = 1
LEFT JOIN renewals AS r ON r.issued_id = c.current_id;
