-- Why: what a worker keeps in files is what the agent's work is judged by, and the agent runs as the
-- same user. What each file must hold is written down here, where a change of the file does not reach.

CREATE TABLE kept_files (
  task_dir TEXT NOT NULL,
  task_name TEXT NOT NULL,
  name TEXT NOT NULL,                    -- in the folder of the task
  session_id INTEGER NOT NULL,           -- the last one that wrote it
  sha256 TEXT NOT NULL,
  earlier TEXT,                          -- of what it takes the place of, '' for nothing: it counts
                                         -- too until the file is written; null: it is written
  PRIMARY KEY (task_dir, task_name, name)
) STRICT, WITHOUT ROWID;
