-- name: give back
-- What was reserved for an issuance is not used; its buckets are locked in the order in which everybody draws from them.
WITH owed AS (
    SELECT
        line.body -> 'key' ->> 0 AS ca,
        line.body -> 'key' ->> 1 AS scope,
        line.body -> 'key' ->> 2 AS subject,
        CAST(sum(CAST(line.body ->> 'span' AS BIGINT)) AS BIGINT) AS span
    FROM (
        SELECT CAST(part AS JSON) AS body
        FROM issuances AS o, unnest(string_to_array(o.paid, chr(10))) AS part
        WHERE o.id = :issuance_id AND part <> ''
    ) AS line
    GROUP BY 1, 2, 3
), locked AS (
    SELECT b.ca, b.scope, b.subject, owed.span
    FROM budgets AS b
    INNER JOIN owed ON b.ca = owed.ca AND b.scope = owed.scope AND b.subject = owed.subject
    ORDER BY b.ca, b.scope, b.subject
    FOR UPDATE OF b
)
UPDATE budgets SET tat = budgets.tat - locked.span
FROM locked
WHERE budgets.ca = locked.ca AND budgets.scope = locked.scope AND budgets.subject = locked.subject;

-- name: override reserved
-- What issuances reserved is given back in the new unit, or not at all of a bucket that is over what is drawn still.
UPDATE issuances
SET
    paid = (
        SELECT
            string_agg(
                CASE
                    WHEN line.body -> 'key' ->> 1 <> :scope THEN line.part
                    WHEN
                        issuances.ended_at IS NULL
                        AND EXISTS (
                            SELECT 1 FROM budgets AS b
                            WHERE
                                b.ca = :ca AND b.scope = :scope
                                AND b.subject = line.body -> 'key' ->> 2
                                AND b.tat > :full
                        )
                        THEN CAST(json_build_object('key', line.body -> 'key', 'span', 0) AS TEXT)
                    ELSE CAST(json_build_object(
                        'key', line.body -> 'key',
                        'span', CAST(line.body ->> 'span' AS BIGINT) / :before * :after
                    ) AS TEXT)
                END || chr(10), ''
            )
        FROM (
            SELECT part, CAST(part AS JSON) AS body
            FROM unnest(string_to_array(issuances.paid, chr(10))) AS part
            WHERE part <> ''
        ) AS line
    )
WHERE
    paid <> ''
    AND id IN (
        SELECT o.id FROM accounts AS a INNER JOIN issuances AS o ON o.account_id = a.id
        WHERE a.ca = :ca AND (o.ended_at IS NULL OR o.withdraw_at IS NOT NULL)
    );
