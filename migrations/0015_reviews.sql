-- Why: work is looked at by a model that did not do it. A review costs money and takes minutes: what is
-- written down of it before and after keeps a worker that dies from asking for the same one twice.

CREATE TABLE reviews (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  iteration INTEGER NOT NULL,
  -- 1: of the run of all gates at the end.
  final INTEGER NOT NULL,
  -- The ids of the stories, as a JSON list.
  stories TEXT NOT NULL,
  opencode_title TEXT NOT NULL,
  opencode_session_id TEXT,
  model TEXT,
  agent_said TEXT,
  -- passed, refused, unusable, trouble, interrupted, stopped; null while it is under way.
  outcome TEXT,
  detail TEXT,
  input_tokens INTEGER,
  output_tokens INTEGER,
  reasoning_tokens INTEGER,
  cache_read_tokens INTEGER,
  cache_write_tokens INTEGER,
  cost_usd REAL,
  derived_cost_usd REAL,
  model_calls INTEGER,
  unpriced_calls INTEGER,
  duration_ms INTEGER,
  started_at TEXT NOT NULL,
  prompted_at TEXT,
  ended_at TEXT
) STRICT;
CREATE INDEX reviews_of ON reviews (session_id, iteration);
CREATE INDEX reviews_on_server ON reviews (opencode_session_id);

CREATE TABLE review_findings (
  review_id INTEGER NOT NULL REFERENCES reviews (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  story_id TEXT NOT NULL,
  -- Its text; null for what was found beside the criteria.
  criterion TEXT,
  met INTEGER NOT NULL,
  what TEXT NOT NULL,
  -- A JSON list of file, line, and whether that is there.
  evidence TEXT NOT NULL,
  PRIMARY KEY (review_id, position)
) STRICT;
