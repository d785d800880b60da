-- name: bucket
-- What is known of one limit's use.
SELECT ca, scope, subject, tat, learned_until, refusals, urgent_tail
FROM budgets WHERE ca = :ca AND scope = :scope AND subject = :subject;

-- name: buckets of a ca
-- All that is not full, as far as is known.
SELECT ca, scope, subject, tat, learned_until, refusals, urgent_tail
FROM budgets WHERE ca = :ca ORDER BY scope, subject;

-- name: any bucket of a ca
-- Whether somebody has counted there.
SELECT scope FROM budgets WHERE ca = :ca LIMIT 1;

-- name: draw
-- So much of a bucket, if there is room; else no row, and whoever expects one takes nothing of the others either.
INSERT INTO budgets (ca, scope, subject, tat) VALUES (:ca, :scope, :subject, :first)
ON CONFLICT (ca, scope, subject) DO UPDATE
SET tat = CASE WHEN budgets.tat > :now THEN budgets.tat ELSE :now END + :span
WHERE budgets.tat <= :latest AND budgets.learned_until <= :now
RETURNING tat;

-- name: no room
-- The bucket, if nothing may be drawn from it now, or urgent ones are given moments after that of *behind*.
SELECT tat FROM budgets
WHERE
    ca = :ca AND scope = :scope AND subject = :subject
    AND (tat > :latest OR learned_until > :now OR urgent_tail > :behind);

-- name: charge
-- So much of a bucket, whether there was room or not: the CA has counted it already.
INSERT INTO budgets (ca, scope, subject, tat) VALUES (:ca, :scope, :subject, :first)
ON CONFLICT (ca, scope, subject) DO UPDATE
SET tat = CASE WHEN budgets.tat > :now THEN budgets.tat ELSE :now END + :span;

-- name: give back
-- What was reserved for an issuance is not used; its column `paid` holds one object of JSON a line.
UPDATE budgets SET tat = budgets.tat - owed.span
FROM (
    SELECT
        json_extract(line.value, '$.key[0]') AS ca,
        json_extract(line.value, '$.key[1]') AS scope,
        json_extract(line.value, '$.key[2]') AS subject,
        sum(json_extract(line.value, '$.span')) AS span
    FROM issuances AS o, json_each('[' || replace(rtrim(o.paid, char(10)), char(10), ',') || ']') AS line
    WHERE o.id = :issuance_id
    GROUP BY 1, 2, 3
) AS owed
WHERE budgets.ca = owed.ca AND budgets.scope = owed.scope AND budgets.subject = owed.subject;

-- name: queue
-- A moment of its own for one more that waits, behind the others; none beyond the last one that is given out. With each
-- span that they reach beyond the room they come twice as close, so many times at most.
UPDATE budgets
SET
    tail = CASE
        WHEN tail < :room THEN :room
        WHEN tail < :room + :span * :doublings THEN tail + (:span >> CAST((tail - :room) / :span AS INTEGER))
        ELSE tail + (:span >> CAST(:doublings AS INTEGER))
    END
WHERE
    ca = :ca AND scope = :scope AND subject = :subject
    AND (tail < :room OR tail + :span <= :last)
RETURNING tail;

-- name: queue urgently
-- The same for one that may use what is kept for the urgent: those that may not are not before it.
UPDATE budgets
SET
    urgent_tail = CASE
        WHEN urgent_tail < :room THEN :room
        WHEN urgent_tail < :room + :span * :doublings THEN urgent_tail + (:span >> CAST((urgent_tail - :room) / :span AS INTEGER))
        ELSE urgent_tail + (:span >> CAST(:doublings AS INTEGER))
    END
WHERE
    ca = :ca AND scope = :scope AND subject = :subject
    AND (urgent_tail < :room OR urgent_tail + :span <= :last)
RETURNING urgent_tail;

-- name: override
-- So many tokens are drawn as before, each of which comes back in another time; who waits is given another moment.
UPDATE budgets
SET
    tat = CASE WHEN tat > :now THEN :now + (tat - :now + :before - 1) / :before * :after ELSE tat END,
    tail = 0,
    urgent_tail = 0
WHERE ca = :ca AND scope = :scope;

-- name: override reserved
-- What issuances reserved is given back in the new unit: those that are open, and those whose certificate may come late.
-- Of a bucket that had more drawn from it than there is now, open ones give nothing back: it is over what is drawn still.
UPDATE issuances
SET
    paid = (
        SELECT
            group_concat(
                CASE
                    WHEN json_extract(line.value, '$.key[1]') <> :scope THEN line.value
                    WHEN
                        issuances.ended_at IS NULL
                        AND EXISTS (
                            SELECT 1 FROM budgets AS b
                            WHERE
                                b.ca = :ca AND b.scope = :scope
                                AND b.subject = json_extract(line.value, '$.key[2]')
                                AND b.tat > :full
                        )
                        THEN json_set(line.value, '$.span', 0)
                    ELSE json_set(line.value, '$.span', json_extract(line.value, '$.span') / :before * :after)
                END || char(10), ''
            )
        FROM json_each('[' || replace(rtrim(issuances.paid, char(10)), char(10), ',') || ']') AS line
    )
WHERE
    paid <> ''
    AND id IN (
        SELECT o.id FROM accounts AS a INNER JOIN issuances AS o ON o.account_id = a.id
        WHERE a.ca = :ca AND (o.ended_at IS NULL OR o.withdraw_at IS NOT NULL)
    );

-- name: no more than all
-- A bucket is empty at most, from now on or from when the CA said: what a lower limit does not have was not drawn from it.
UPDATE budgets SET tat = CASE WHEN learned_until > :now THEN learned_until ELSE :now END + :all
WHERE ca = :ca AND scope = :scope AND tat > CASE WHEN learned_until > :now THEN learned_until ELSE :now END + :all;

-- name: learn
-- The CA said that there is nothing before that moment.
INSERT INTO budgets (ca, scope, subject, tat, learned_until, refusals)
VALUES (:ca, :scope, :subject, :tat, :until, :refusals)
ON CONFLICT (ca, scope, subject) DO UPDATE
SET
    tat = CASE WHEN budgets.tat > excluded.tat THEN budgets.tat ELSE excluded.tat END,
    learned_until = CASE
        WHEN budgets.learned_until > excluded.learned_until THEN budgets.learned_until ELSE excluded.learned_until
    END,
    refusals = excluded.refusals;

-- name: doubt what was learned
-- Somebody asks: the CA is heard once more, and nobody is before him.
UPDATE budgets
SET tat = CASE WHEN tat > :now THEN :now ELSE tat END, learned_until = 0, urgent_tail = 0
WHERE ca = :ca AND learned_until > :now;

-- name: forgive
-- It is full again.
DELETE FROM budgets WHERE ca = :ca AND scope = :scope AND subject = :subject AND learned_until <= :now;

-- name: seed bucket
-- What was used before anybody counted.
INSERT INTO budgets (ca, scope, subject, tat) VALUES (:ca, :scope, :subject, :tat)
ON CONFLICT (ca, scope, subject) DO NOTHING;

-- name: prune budgets
-- Full for long. Asked again of the row itself, which somebody may draw from at this moment.
DELETE FROM budgets
WHERE
    tat < :before AND tail < :before AND urgent_tail < :before AND learned_until < :before
    AND (ca, scope, subject) IN (
        SELECT ca, scope, subject FROM budgets
        WHERE tat < :before AND tail < :before AND urgent_tail < :before AND learned_until < :before
        ORDER BY tat
        LIMIT :limit
    )
RETURNING tat;
