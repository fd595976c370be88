-- Why: a call that the user's own rules refused is something that was found out about a turn, for the
-- history and for the next prompt.

CREATE TABLE session_notes_6 (
  session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  iteration INTEGER NOT NULL,
  position INTEGER NOT NULL,
  about TEXT NOT NULL CHECK (about IN ('prd', 'protected', 'tests', 'git', 'refused')),
  text TEXT NOT NULL,
  PRIMARY KEY (session_id, iteration, position)
) STRICT, WITHOUT ROWID;
INSERT INTO session_notes_6 (session_id, iteration, position, about, text)
  SELECT session_id, iteration, position, about, text FROM session_notes;
DROP TABLE session_notes;
ALTER TABLE session_notes_6 RENAME TO session_notes;
