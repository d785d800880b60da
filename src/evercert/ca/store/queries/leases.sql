-- name: take lease
-- If nobody has it, whoever had it is late, or the holder wants it for longer.
INSERT INTO leases (name, holder, held_until) VALUES (:name, :holder, :until)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
WHERE leases.held_until <= :now OR leases.holder = excluded.holder
RETURNING name;

-- name: give lease back
-- If it is still one's own.
DELETE FROM leases WHERE name = :name AND holder = :holder;
