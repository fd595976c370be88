-- Why: a process that a command of an agent has left running may be what a gate fails for. It is told
-- in the history and in the next prompt.

CREATE TABLE session_notes_7 (
  session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  iteration INTEGER NOT NULL,
  position INTEGER NOT NULL,
  about TEXT NOT NULL CHECK (about IN ('prd', 'protected', 'tests', 'git', 'refused', 'left')),
  text TEXT NOT NULL,
  PRIMARY KEY (session_id, iteration, position)
) STRICT, WITHOUT ROWID;
INSERT INTO session_notes_7 (session_id, iteration, position, about, text)
  SELECT session_id, iteration, position, about, text FROM session_notes;
DROP TABLE session_notes;
ALTER TABLE session_notes_7 RENAME TO session_notes;
