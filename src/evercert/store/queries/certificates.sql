-- name: fact
-- All that is known of one certificate, but what it may have several of.
SELECT * FROM facts WHERE name = :name;

-- name: facts after
-- The same of so many that come after that name, in the order of names; and which account at which CA the current one
-- was issued to, if that is known.
SELECT f.*, a.ca AS issued_ca, a.name AS issued_account
FROM facts AS f
LEFT JOIN issuances AS n ON n.id = f.issued_issuance_id
LEFT JOIN accounts AS a ON a.id = n.account_id
WHERE f.name > :after
ORDER BY f.name
LIMIT :limit;

-- name: next action
-- When something is due next.
SELECT min(first)
FROM (
    SELECT (SELECT min(c.next_action_at) FROM certificates AS c WHERE c.rank = r.rank) AS first
    FROM (
        SELECT 0 AS rank UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
        UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7
    ) AS r
) AS ranks;

-- name: intent
-- What is wanted of that name.
SELECT intent, digest, leaving, left_out, hold, trials FROM certificates WHERE name = :name;

-- name: intents with a front
-- Those with a rule that stands before a live server; in a value, the quotes would be escaped.
SELECT intent FROM certificates WHERE intent LIKE '%"solver":"front"%' ORDER BY name;

-- name: declare certificate
-- A new one. Its epochs begin where no lease of an earlier one of that name came.
INSERT INTO certificates (name, intent, digest, created_at, next_action_at, rank, epoch)
VALUES (:name, :intent, :digest, :now, :now, :rank, :now)
ON CONFLICT (name) DO NOTHING;

-- name: affirm intent
-- What was wanted is wanted still, by that declaration or (with no digest) by hand.
UPDATE certificates
SET
    digest = :digest,
    leaving = '',
    next_action_at = CASE WHEN leaving = '' THEN next_action_at ELSE :now END,
    woken = CASE WHEN leaving = '' THEN woken ELSE 1 END
WHERE name = :name AND intent = :before;

-- name: change intent
-- From the intent that was read; old failures say nothing about the new one.
UPDATE certificates
SET
    intent = :intent,
    digest = :digest,
    leaving = '',
    forced = CASE WHEN :forced = 1 THEN 1 ELSE forced END,
    counted_from = CASE WHEN CAST(:digest AS TEXT) = '' THEN :now ELSE counted_from END,
    next_action_at = :now,
    rank = :rank,
    woken = 1,
    failures = 0,
    retry_at = NULL,
    failure = NULL,
    hold = '',
    trials = '',
    left_out = :left_out
WHERE name = :name AND intent = :before;

-- name: schedule certificate
-- Nothing is due before that moment and the lease is let go, unless somebody asked for attention since the plan was made.
UPDATE certificates
SET
    next_action_at = CASE WHEN woken = 1 THEN next_action_at ELSE :until END,
    rank = CASE WHEN CAST(:rank AS INTEGER) < 0 THEN rank ELSE :rank END,
    lease_owner = CASE WHEN woken = 1 THEN lease_owner END,
    lease_until = CASE WHEN woken = 1 THEN lease_until END,
    woken = 0
WHERE name = :name
RETURNING next_action_at = :until;

-- name: wake certificate
-- It is looked at now, and no failure makes it wait; of a limit it waits for it keeps its place in the queue,
-- and of a CA that did not answer how often.
UPDATE certificates
SET
    next_action_at = :now,
    woken = 1,
    retry_at = NULL,
    counted_from = :now,
    hold = :hold,
    trials = :trials,
    forced = CASE WHEN :forced = 1 THEN 1 ELSE forced END,
    left_out = :left_out
WHERE name = :name;

-- name: call those that wait for a ca
-- What holds them back is no longer what it was.
UPDATE certificates
SET next_action_at = :now, woken = 1, hold = '', trials = ''
WHERE hold LIKE :held AND lane = '';

-- name: hold certificate
-- A limit leaves no room for it before a moment; that is no failure.
UPDATE certificates SET hold = :hold, trials = :trials, lane = :lane WHERE name = :name;

-- name: certificate failed
-- The last attempt, what came of each CA so far, and when the next one is.
UPDATE certificates
SET failures = :failures, failure = :failure, retry_at = :retry_at, trials = :trials, hold = ''
WHERE name = :name;

-- name: leave members out
-- Of a merged certificate; how it stands with those that it is made of, all of them at once.
UPDATE certificates SET left_out = :left_out WHERE name = :name;

-- name: nothing stands outside
-- Challenge answers of the certificate that were not taken away; there must be none.
SELECT p.id FROM presented AS p INNER JOIN issuances AS o ON o.id = p.issuance_id WHERE o.certificate = :name;

-- name: keys of a certificate
-- Every key that was made for it.
SELECT key_id FROM issued WHERE certificate = :name AND key_id IS NOT NULL
UNION
SELECT key_id FROM issuances WHERE certificate = :name AND key_id IS NOT NULL;

-- name: delete certificate
-- With its issuances, what was issued, and its deployments.
DELETE FROM certificates WHERE name = :name;
