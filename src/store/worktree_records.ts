/** What is read and written of worktrees. Documented where the store is: `store.ts`. */
import { assignments, insertInto, type Writing } from "./leased_writes.ts";
import type { NewWorktree, Worktree } from "./model.ts";
import { text, words } from "./rows.ts";
import type { Row, Statements } from "./statements.ts";

const worktreeOf = (row: Row): Worktree => ({
  taskDir: words(row.task_dir),
  taskName: words(row.task_name),
  root: words(row.root),
  homeDir: words(row.home_dir),
  homeRoot: words(row.home_root),
  branch: words(row.branch),
  branchMade: row.branch_made === 1,
  base: words(row.base),
  begunAt: text(row.begun_at),
  brought: text(row.brought),
  preparedAt: text(row.prepared_at),
  landedAt: text(row.landed_at),
  removedAt: text(row.removed_at),
});

export function worktreeReaders({ many }: Pick<Statements, "many">) {
  return {
    worktrees: (): readonly Worktree[] =>
      many("SELECT * FROM worktrees ORDER BY created_at", {}).map(worktreeOf),
  };
}

export function worktreeWrites({ change, atomically, times }: Writing) {
  /** What a person has said, and no agent was told yet, goes where the task is worked on. */
  const moveWords = (from: string, to: string) =>
    change("UPDATE words SET task_dir = @to WHERE task_dir = @from AND session_id IS NULL", {
      from,
      to,
    });
  const update = (taskDir: string, columns: Record<string, string | null>) =>
    change(
      `UPDATE worktrees SET ${assignments(columns)} WHERE task_dir = @taskDir`,
      { ...columns, taskDir },
    );
  return {
    addWorktree(tree: NewWorktree): void {
      const columns = {
        task_dir: tree.taskDir,
        task_name: tree.taskName,
        root: tree.root,
        home_dir: tree.homeDir,
        home_root: tree.homeRoot,
        branch: tree.branch,
        branch_made: tree.branchMade ? 1 : 0,
        base: tree.base,
        begun_at: tree.begunAt,
        created_at: times.now(),
      };
      atomically(() => {
        // That of an earlier one, which was removed.
        change("DELETE FROM worktrees WHERE task_dir = @taskDir AND removed_at IS NOT NULL", {
          taskDir: tree.taskDir,
        });
        change(insertInto("worktrees", columns), columns);
        moveWords(tree.homeDir, tree.taskDir);
      });
    },
    setBrought: (taskDir: string, commit: string): void =>
      void update(taskDir, { brought: commit }),
    setPrepared: (taskDir: string): void => void update(taskDir, { prepared_at: times.now() }),
    setLanded: (taskDir: string): void => void update(taskDir, { landed_at: times.now() }),
    setRemoved({ taskDir, homeDir }: Pick<Worktree, "taskDir" | "homeDir">): void {
      atomically(() => {
        update(taskDir, { removed_at: times.now() });
        moveWords(taskDir, homeDir);
      });
    },
  };
}
