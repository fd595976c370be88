-- Why: the machine's clock may be set at any time. How long an agent took, and whether the machine went
-- down since, must not be told from times of day.

ALTER TABLE iterations ADD COLUMN duration_ms INTEGER;  -- by a clock that nobody sets; null: not known
ALTER TABLE sessions ADD COLUMN worker_boot TEXT;       -- the kernel's id of the boot; null: not known
