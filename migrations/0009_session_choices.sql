-- Why: a session that begins says what differs from the one before. Model, agent, server, limits and
-- gates of a session are on record; what its prompt was, what the PRD asked for, and what a branch was
-- made from are not.

-- JSON that the loop writes and reads; null: not known.
ALTER TABLE session_starts ADD COLUMN choices TEXT CHECK (json_valid(choices));
