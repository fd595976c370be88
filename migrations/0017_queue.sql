-- Why: tasks of a project that run one after the other have to go on after a crash and a reboot, none
-- twice and none lost. So what waits, what was begun and what came of it are rows. And a person may go
-- on with a session that has ended: what made it end then is not counted again.

-- Ends when nothing of it waits or runs.
CREATE TABLE queues (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  project_root TEXT NOT NULL,            -- real path of the git root
  fail_fast INTEGER NOT NULL CHECK (fail_fast IN (0, 1)),
  max_cost_usd REAL,                     -- of all its sessions together; null: no limit
  max_tokens INTEGER,
  created_at TEXT NOT NULL,
  ended_at TEXT
) STRICT;
CREATE UNIQUE INDEX one_open_queue_per_project ON queues (project_root) WHERE ended_at IS NULL;

CREATE TABLE queued_tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- in the order in which they are tried
  queue_id INTEGER NOT NULL REFERENCES queues (id) ON DELETE CASCADE,
  task_name TEXT NOT NULL,
  task_dir TEXT NOT NULL,                -- real path of the task's folder
  flags TEXT NOT NULL CHECK (json_valid(flags)),            -- what the command line said
  depends_on TEXT NOT NULL CHECK (json_valid(depends_on)),  -- real paths of tasks' folders
  state TEXT NOT NULL
    CHECK (state IN ('waiting', 'running', 'completed', 'failed', 'skipped', 'removed')),
  -- Written before its session is started: the task's latest session until then, and which of its
  -- workers. What is later is the session that was started.
  session_before INTEGER NOT NULL DEFAULT 0,
  epoch_before INTEGER NOT NULL DEFAULT 0,
  session_id INTEGER REFERENCES sessions (id) ON DELETE SET NULL,  -- null until that is known
  why TEXT,                              -- how it ended, in words
  queued_at TEXT NOT NULL,
  ended_at TEXT,
  CHECK ((state IN ('waiting', 'running')) = (ended_at IS NULL))
) STRICT;
CREATE UNIQUE INDEX queued_once ON queued_tasks (queue_id, task_dir) WHERE ended_at IS NULL;
CREATE INDEX queued_sessions ON queued_tasks (session_id) WHERE session_id IS NOT NULL;

-- The iterations up to this one were made before a person went on with a session that had ended.
ALTER TABLE sessions ADD COLUMN resumed_after INTEGER NOT NULL DEFAULT 0;
