-- Why: a gate that failed, and passed when it was run again on the same content, counts as passed and is
-- told as flaky. That is a fact of its own, and not to be read out of words.

ALTER TABLE gate_results ADD COLUMN flaky INTEGER NOT NULL DEFAULT 0 CHECK (flaky IN (0, 1));
