-- Why: when a worker dies, the next one goes on with its iteration. How long that took is what each of
-- its workers was at it, by a clock that nobody sets, and what its turn worked while none was there.

ALTER TABLE iterations ADD COLUMN taken_up_at TEXT;  -- by its present worker; by the clock of worker_seen_at
ALTER TABLE iterations ADD COLUMN worked_before_ms INTEGER NOT NULL DEFAULT 0;  -- before that
