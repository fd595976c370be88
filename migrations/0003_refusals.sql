-- Why: a provider that takes no requests for now is waited for, also by the next worker, and what it
-- refused costs no iteration.

ALTER TABLE iterations ADD COLUMN retry_at TEXT;  -- when to ask the provider again; null: it did not refuse
ALTER TABLE iterations ADD COLUMN counts INTEGER NOT NULL DEFAULT 1
  CHECK (counts IN (0, 1));                       -- 0: refused before the model answered anything
