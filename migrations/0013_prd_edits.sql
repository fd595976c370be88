-- Why: whose a change of the PRD in mid-turn is, is told by when tools of the agent ran. A person who edits
-- it through ralph says so: what was there, and what is there now, are kept until the turn was judged.

CREATE TABLE prd_edits (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  iteration INTEGER NOT NULL,
  before BLOB NOT NULL,
  -- When the file was changed that had this, in epoch milliseconds; null where that is not known.
  before_ctime_ms INTEGER,
  after BLOB NOT NULL,
  edited_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX prd_edits_of ON prd_edits (session_id, iteration);
