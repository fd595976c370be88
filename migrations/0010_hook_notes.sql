-- Why: a command that is to tell a person of something may fail. That is told in the status and in the
-- history, also when it was to tell of the session's end.

CREATE TABLE session_notes_10 (
  session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  iteration INTEGER NOT NULL,
  position INTEGER NOT NULL,
  about TEXT NOT NULL
    CHECK (about IN ('prd', 'protected', 'tests', 'git', 'refused', 'left', 'hook')),
  text TEXT NOT NULL,
  PRIMARY KEY (session_id, iteration, position)
) STRICT, WITHOUT ROWID;
INSERT INTO session_notes_10 (session_id, iteration, position, about, text)
  SELECT session_id, iteration, position, about, text FROM session_notes;
DROP TABLE session_notes;
ALTER TABLE session_notes_10 RENAME TO session_notes;
