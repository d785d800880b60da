-- name: append event
-- The next event of the chain; a trigger gives it its number and its hash.
INSERT INTO events (at, kind, certificate, body) VALUES (:at, :kind, :certificate, :body);
