-- name: add presented
-- Before it is presented; only while its issuance has an order and is open.
INSERT INTO presented (
    issuance_id, identifier_type, identifier, challenge_type, challenge_url, token, solver, options, place, content,
    reference
)
SELECT
    id, :identifier_type, :identifier, :challenge_type, :challenge_url, :token, :solver, :options, :place, :content,
    :reference
FROM issuances WHERE id = :issuance_id AND status = 'ordered'
RETURNING id;

-- name: note presented
-- What the solver needs for taking it away.
UPDATE presented SET reference = :reference WHERE id = :id;

-- name: remove presented
-- Nothing of it is left outside.
DELETE FROM presented WHERE id = :id;

-- name: presented of a certificate
-- Whatever may still stand outside, of any of its issuances.
SELECT
    o.certificate, p.id, p.issuance_id, p.identifier_type, p.identifier, p.challenge_type, p.challenge_url, p.token,
    p.solver, p.options, p.place, p.content, p.reference
FROM issuances AS o
INNER JOIN presented AS p ON p.issuance_id = o.id
WHERE o.certificate = :certificate
ORDER BY p.id;
