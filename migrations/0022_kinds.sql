-- Why: what a note or an activity is was read out of its words. It is a fact of its own; here the words of
-- earlier notes are read for the last time.

ALTER TABLE session_notes ADD COLUMN kind TEXT;  -- for whoever acts on it; NULL: only to be read

UPDATE session_notes SET kind = CASE
  WHEN text LIKE 'yours, and not committed before: %now in the commit %' THEN 'persons_file_committed'
  WHEN text LIKE 'yours, and not committed before: %' THEN 'persons_file'
  WHEN text LIKE 'how git works here was changed while a turn was at work: %`remote.%' THEN 'git_remote'
  WHEN text LIKE 'how git works here was changed while a turn was at work: %' THEN 'git_setup'
  WHEN text LIKE 'hooks that ran before that turn are not run any more: %' THEN 'hooks_off'
  WHEN text LIKE 'a command in the background was ended %' THEN 'job_ended'
END;

ALTER TABLE sessions ADD COLUMN activity_kind TEXT;  -- of its activity; NULL: it works
