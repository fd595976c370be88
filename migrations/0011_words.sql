-- Why: what a person says to a running loop has to reach an agent, once, whatever dies in between. It is
-- of the task: what nobody was told when a session ended waits for the next one.

CREATE TABLE words (
  id INTEGER PRIMARY KEY,
  task_dir TEXT NOT NULL,
  text TEXT NOT NULL,
  said_at TEXT NOT NULL,
  -- It waits for a prompt, and goes into no turn at work.
  for_prompt INTEGER NOT NULL CHECK (for_prompt IN (0, 1)),
  -- Null while it waits. Written before it is handed over.
  session_id INTEGER REFERENCES sessions (id) ON DELETE CASCADE,
  iteration INTEGER,
  how TEXT CHECK (how IN ('turn', 'prompt')),
  told_at TEXT
) STRICT;
CREATE INDEX words_waiting ON words (task_dir) WHERE session_id IS NULL;
CREATE INDEX words_told ON words (session_id, iteration) WHERE session_id IS NOT NULL;
