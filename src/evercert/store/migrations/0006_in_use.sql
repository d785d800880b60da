-- What a target has while the current certificate is not installed there yet.

-- The last that was installed there (issued.id); NULL where none ever was. It stays while newer ones fail. Retention may
-- take the certificate away: then what the target has was over long ago.
ALTER TABLE deployments ADD COLUMN in_use BIGINT;
UPDATE deployments
SET
    in_use = CASE
        WHEN status IN ('installed', 'served') THEN issued_id
        -- Nobody wrote down what it had; at best the one before.
        ELSE (
            SELECT max(i.id) FROM issued AS i
            WHERE i.certificate = deployments.certificate AND i.id < deployments.issued_id
        )
    END;
