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
