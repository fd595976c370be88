-- Why: the tree as a turn found it was in a file of its own, written before the row: now both are there, or
-- neither. Sessions that an earlier version left in mid-turn have none: what that turn changed is unknown.

ALTER TABLE iterations ADD COLUMN tree_before TEXT;  -- JSON, while it is under way; NULL: git could not say
