-- name: access to a ca
-- How this installation goes there.
SELECT access FROM cas WHERE directory = :directory;

-- name: set access to a ca
-- From now on it goes there like this.
INSERT INTO cas (directory, access) VALUES (:directory, :access)
ON CONFLICT (directory) DO UPDATE SET access = excluded.access;

-- name: known cas
-- Each CA that somebody configured.
SELECT access FROM cas ORDER BY directory;
