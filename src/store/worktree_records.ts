/** What is read and written of worktrees. Documented where the store is: `store.ts`. */
import { assignments, insertInto, type Writing } from "./leased_writes.ts";
import type { Worktree } from "./model.ts";
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
  brought: text(row.brought),
  preparedAt: text(row.prepared_at),
});

export function worktreeReaders({ many }: Pick<Statements, "many">) {
  return {
    worktrees: (): readonly Worktree[] =>
      many("SELECT * FROM worktrees WHERE removed_at IS NULL ORDER BY created_at", {})
        .map(worktreeOf),

    taskDirs(taskDir: string): readonly string[] {
      const rows = many(
        `SELECT home_dir AS dir FROM worktrees WHERE task_dir = @taskDir
          UNION SELECT task_dir FROM worktrees WHERE home_dir = @taskDir OR home_dir IN
            (SELECT home_dir FROM worktrees WHERE task_dir = @taskDir)`,
        { taskDir },
      );
      return [...new Set([taskDir, ...rows.map(({ dir }) => words(dir))])];
    },
  };
}

export function worktreeWrites({ change, atomically, times }: Writing) {
  const update = (taskDir: string, columns: Record<string, string | null>) =>
    change(
      `UPDATE worktrees SET ${assignments(columns)} WHERE task_dir = @taskDir`,
      { ...columns, taskDir },
    );
  return {
    addWorktree(tree: Omit<Worktree, "brought" | "preparedAt">): void {
      const columns = {
        task_dir: tree.taskDir,
        task_name: tree.taskName,
        root: tree.root,
        home_dir: tree.homeDir,
        home_root: tree.homeRoot,
        branch: tree.branch,
        branch_made: tree.branchMade ? 1 : 0,
        base: tree.base,
        created_at: times.now(),
      };
      atomically(() => {
        // That of an earlier one, which was removed.
        change("DELETE FROM worktrees WHERE task_dir = @taskDir AND removed_at IS NOT NULL", {
          taskDir: tree.taskDir,
        });
        change(insertInto("worktrees", columns), columns);
      });
    },
    setBrought: (taskDir: string, commit: string): void =>
      void update(taskDir, { brought: commit }),
    setPrepared: (taskDir: string): void => void update(taskDir, { prepared_at: times.now() }),
    setRemoved: (taskDir: string): void => void update(taskDir, { removed_at: times.now() }),
  };
}
