-- Since when a hook took nothing, where it did not take the last; and when it was given up, until somebody has it told again.
ALTER TABLE hooks ADD COLUMN failing_since BIGINT;
ALTER TABLE hooks ADD COLUMN given_up_at BIGINT;
