-- Why: what an agent says is a claim. What the loop found when it looked, and against what, must
-- outlive the worker: limits, gates and evidence of a session that goes on are those of its start.

-- What a session began with. JSON that the loop writes and reads.
CREATE TABLE session_starts (
  session_id INTEGER PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  settings TEXT NOT NULL CHECK (json_valid(settings)),  -- limits, gates, protected files, tests
  tree TEXT CHECK (json_valid(tree))                    -- the work tree; null: git could not say
) STRICT;

ALTER TABLE sessions ADD COLUMN said TEXT;             -- a person's answer, for every prompt
ALTER TABLE sessions ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0 CHECK (accepted IN (0, 1));
ALTER TABLE sessions ADD COLUMN ran_before_ms INTEGER NOT NULL DEFAULT 0;  -- by earlier workers
ALTER TABLE sessions ADD COLUMN worker_unit TEXT;      -- of systemd; null: a detached process
ALTER TABLE sessions ADD COLUMN worker_started_at TEXT;
ALTER TABLE sessions ADD COLUMN worker_seen_at TEXT;   -- its last write

-- cost_usd is what the server quoted; the three kinds are never summed up to one number.
ALTER TABLE iterations ADD COLUMN derived_cost_usd REAL;   -- from the model's prices
ALTER TABLE iterations ADD COLUMN unpriced_calls INTEGER;  -- model calls of unknown cost
ALTER TABLE iterations ADD COLUMN blocked TEXT;            -- what the agent needs of a person
ALTER TABLE iterations ADD COLUMN failure TEXT;            -- what the next prompt says about it
ALTER TABLE iterations ADD COLUMN failure_key TEXT;        -- equal for failures that are the same

-- What the gates said, in the order in which they ran.
CREATE TABLE gate_results (
  session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  iteration INTEGER NOT NULL,            -- the last one that was made; 0: before the first
  position INTEGER NOT NULL,
  final INTEGER NOT NULL CHECK (final IN (0, 1)),  -- of the run of all gates at the end
  gate TEXT NOT NULL,
  passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
  why TEXT NOT NULL,
  output TEXT NOT NULL,                  -- its useful end
  duration_ms INTEGER NOT NULL,
  PRIMARY KEY (session_id, iteration, position)
) STRICT, WITHOUT ROWID;

-- Stories that an agent said were done.
CREATE TABLE claims (
  session_id INTEGER NOT NULL,
  iteration INTEGER NOT NULL,
  story_id TEXT NOT NULL,
  held INTEGER CHECK (held IN (0, 1)),   -- 0: taken back; null: not judged
  why TEXT,
  PRIMARY KEY (session_id, iteration, story_id),
  FOREIGN KEY (session_id, iteration) REFERENCES iterations (session_id, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- What else was found: of the PRD, of the judge's files, of tests, of git.
CREATE TABLE session_notes (
  session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  iteration INTEGER NOT NULL,
  position INTEGER NOT NULL,
  about TEXT NOT NULL CHECK (about IN ('prd', 'judge', 'tests', 'git')),
  text TEXT NOT NULL,
  PRIMARY KEY (session_id, iteration, position)
) STRICT, WITHOUT ROWID;
