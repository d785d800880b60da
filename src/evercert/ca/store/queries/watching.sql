-- name: size
-- In octets, with what is free in it.
SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size();

-- name: lists
-- Of each issuer, whole ones and deltas: the worst of their parts.
SELECT issuer, delta, min(this_update), min(next_update), sum(entries)
FROM crls
GROUP BY issuer, delta
ORDER BY issuer, delta;
