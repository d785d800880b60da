-- name: give space back
-- PostgreSQL's own autovacuum does that.
SELECT 1 WHERE FALSE;
