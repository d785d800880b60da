-- name: size
-- In octets, with what is free in it.
SELECT pg_database_size(current_database());
