-- Why: a task may work in a git worktree of its own. Which one is whose, and what it was made from, is
-- written down before it is made: who dies in the middle is gone on with, and its name finds the task.

CREATE TABLE worktrees (
  -- Real path of the task in the worktree: what its sessions are recorded with.
  task_dir TEXT PRIMARY KEY,
  task_name TEXT NOT NULL,
  root TEXT NOT NULL,
  -- The same task in the working tree that this one was made from, and that tree's root.
  home_dir TEXT NOT NULL,
  home_root TEXT NOT NULL,
  branch TEXT NOT NULL,
  -- ralph made the branch.
  branch_made INTEGER NOT NULL CHECK (branch_made IN (0, 1)),
  -- The branch, or the commit, that it began at and goes home to.
  base TEXT NOT NULL,
  -- The commit with files that were in no commit at home. Null: there were none.
  brought TEXT,
  created_at TEXT NOT NULL,
  -- Null until all of it is there: files copied, setup commands run.
  prepared_at TEXT,
  -- When its branch was brought home last.
  landed_at TEXT,
  removed_at TEXT
) STRICT;
CREATE UNIQUE INDEX worktrees_of ON worktrees (home_dir) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX worktrees_at ON worktrees (root) WHERE removed_at IS NULL;
