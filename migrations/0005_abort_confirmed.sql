-- Why: whether an agent may still be at work is a fact that `ralph stop` and the next worker act upon:
-- it must not be told from words that are for people. And what the agent may not change, the files
-- that its work is judged by, has one name: protected.

ALTER TABLE iterations ADD COLUMN abort_confirmed INTEGER
  CHECK (abort_confirmed IN (0, 1));  -- of the turn; null: none was needed, or nothing is known

-- Only 0 matters, and these are the words that it was told by until now.
UPDATE iterations SET abort_confirmed = 0
  WHERE detail LIKE '%the server did not confirm that the turn was aborted%'
    OR detail LIKE '%the server did not confirm that it was aborted%';

CREATE TABLE session_notes_5 (
  session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  iteration INTEGER NOT NULL,
  position INTEGER NOT NULL,
  about TEXT NOT NULL CHECK (about IN ('prd', 'protected', 'tests', 'git')),
  text TEXT NOT NULL,
  PRIMARY KEY (session_id, iteration, position)
) STRICT, WITHOUT ROWID;
INSERT INTO session_notes_5 (session_id, iteration, position, about, text)
  SELECT session_id, iteration, position, CASE about WHEN 'judge' THEN 'protected' ELSE about END,
      text
    FROM session_notes;
DROP TABLE session_notes;
ALTER TABLE session_notes_5 RENAME TO session_notes;
