-- Why: what an agent was told is half of what came of it. The prompt is made of files that change
-- meanwhile, and so cannot be told afterwards.

-- Beside the iterations, whose rows are read together.
CREATE TABLE prompts (
  session_id INTEGER NOT NULL,
  iteration INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (session_id, iteration),
  FOREIGN KEY (session_id, iteration) REFERENCES iterations (session_id, number) ON DELETE CASCADE
) STRICT;
