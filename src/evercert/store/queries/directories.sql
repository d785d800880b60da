-- name: remembered directory
-- What it said when it was last read.
SELECT urls FROM directories WHERE ca = :ca;

-- name: remember directory
-- What it says now.
INSERT INTO directories (ca, urls, seen_at) VALUES (:ca, :urls, :seen_at)
ON CONFLICT (ca) DO UPDATE SET urls = excluded.urls, seen_at = excluded.seen_at;
