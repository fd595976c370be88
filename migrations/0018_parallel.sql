-- Why: several tasks of a queue may run at once, each in a worktree of its own. How many, and which of
-- them, has to outlive the process that works through the queue. And the worktree of a task that depends
-- on another begins at that one's branch while it is not home yet: whoever makes the worktree anew after
-- a crash has to know.

-- How many run at once.
ALTER TABLE queues ADD COLUMN parallel INTEGER NOT NULL DEFAULT 1 CHECK (parallel > 0);
-- Not in the project's own working tree.
ALTER TABLE queued_tasks ADD COLUMN worktree INTEGER NOT NULL DEFAULT 0 CHECK (worktree IN (0, 1));
-- The branch that it began at, where that is not the base, which it goes home to.
ALTER TABLE worktrees ADD COLUMN begun_at TEXT;
