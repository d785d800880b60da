-- name: add presented
-- The lock: its issuance cannot end before this is kept.
INSERT INTO presented (
    issuance_id, identifier_type, identifier, challenge_type, challenge_url, token, solver, options, place, content,
    reference
)
SELECT
    id, :identifier_type, :identifier, :challenge_type, :challenge_url, :token, :solver, :options, :place, :content,
    :reference
FROM issuances WHERE id = :issuance_id AND status = 'ordered'
FOR NO KEY UPDATE
RETURNING id;
