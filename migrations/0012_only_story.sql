-- Why: a session may be for one story of the task alone, and one that goes on is for the same.

ALTER TABLE sessions ADD COLUMN only_story TEXT;
