-- Why: what was run, what came of it, and what is running now, so that every command tells the same
-- truth after a crash, a reboot or an upgrade. All times are UTC, as in 2026-11-20T20:05:12.345Z.

-- One run of the loop over a task.
CREATE TABLE sessions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task_name TEXT NOT NULL,
  task_dir TEXT NOT NULL,                -- real path of the task's folder
  project_root TEXT NOT NULL,            -- real path of its git root
  status TEXT NOT NULL
    CHECK (status IN ('running', 'checkpointed', 'completed', 'stopped', 'failed')),
  reason TEXT,                           -- why it is no longer running, as one word
  detail TEXT,                           -- the same in words
  activity TEXT,                         -- what it does while it is running
  activity_since TEXT,
  current_story TEXT,
  max_iterations INTEGER,
  model TEXT,                            -- as asked for; null: the server's default
  agent TEXT,
  server_url TEXT,
  server_port INTEGER,                   -- the last one: of interest only while it is running
  opencode_session_id TEXT,              -- the last one
  worker_pid INTEGER,                    -- for showing: whether it lives is told by its lock
  worker_version TEXT,
  epoch INTEGER NOT NULL DEFAULT 1,      -- one more each time a worker takes the session over
  log_path TEXT,
  iterations_before INTEGER NOT NULL DEFAULT 0,  -- made by the earlier program: only their count is known
  earlier TEXT CHECK (json_valid(earlier)),      -- what else the earlier program knew; null: not its session
  started_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  ended_at TEXT,
  CHECK ((status = 'running') = (ended_at IS NULL))
) STRICT;

CREATE UNIQUE INDEX one_running_session_per_task ON sessions (task_dir) WHERE status = 'running';
CREATE INDEX sessions_of_task ON sessions (task_dir, id);
CREATE INDEX last_sessions ON sessions (task_dir, task_name, id);

-- One turn round the loop: one OpenCode session, one prompt, one outcome.
CREATE TABLE iterations (
  session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  number INTEGER NOT NULL CHECK (number > 0),
  story_id TEXT,
  story_title TEXT,
  opencode_title TEXT NOT NULL,          -- stored before the OpenCode session is made: finds it again
  opencode_session_id TEXT,
  outcome TEXT CHECK (outcome IN ('advanced', 'worked', 'nothing', 'broke', 'error', 'timeout',
    'interrupted', 'stopped')),          -- null while it is under way
  detail TEXT,
  stories_passed TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(stories_passed)),
  head_before TEXT,                      -- git commit ids
  head_after TEXT,
  commits INTEGER,
  files_changed INTEGER,
  input_tokens INTEGER,                  -- null: unknown, which is not the same as 0
  output_tokens INTEGER,
  reasoning_tokens INTEGER,
  cache_read_tokens INTEGER,
  cache_write_tokens INTEGER,
  cost_usd REAL,
  model_calls INTEGER,
  started_at TEXT NOT NULL,
  prompted_at TEXT,
  ended_at TEXT,
  PRIMARY KEY (session_id, number),
  CHECK ((outcome IS NULL) = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;

-- What the agent asked while nobody was there, and what it was told.
CREATE TABLE answers (
  session_id INTEGER NOT NULL,
  iteration INTEGER NOT NULL,
  position INTEGER NOT NULL,
  asked TEXT NOT NULL,
  answer TEXT NOT NULL,
  answered_at TEXT NOT NULL,
  PRIMARY KEY (session_id, iteration, position),
  FOREIGN KEY (session_id, iteration) REFERENCES iterations (session_id, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
