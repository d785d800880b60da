-- name: append record
-- The next of the chain; a trigger gives it its number and its hash.
INSERT INTO audit (at, kind, body) VALUES (:at, :kind, :body);
