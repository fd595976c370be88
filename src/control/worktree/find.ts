/** Which worktree is whose, by what is on record. */
import type { Context } from "../../app/context.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { isThere } from "../../host/git/worktrees.ts";
import type { Worktree } from "../../store/model.ts";
import { findTask } from "../../task/find.ts";
import type { Task } from "../../task/task_files.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { readAsIs } from "../liveness.ts";
import { movedTo } from "./names.ts";

type Place = Pick<Task, "dir" | "projectRoot">;

/** Where the task is at home: in the tree that its worktree, or the one that it was found in, was made from. */
export function homeOf(task: Place, trees: readonly Worktree[]): string {
  const own = trees.find(({ taskDir }) => taskDir === task.dir);
  if (own) return own.homeDir;
  const around = trees.find(({ root }) => root === task.projectRoot);
  return around ? movedTo(around.homeRoot, task) : task.dir;
}

/** The worktree of a task, whether it was found there, at home, or in the worktree of another one. */
export function worktreeOf(task: Place, trees: readonly Worktree[]): Worktree | undefined {
  const home = homeOf(task, trees);
  return trees.find(({ homeDir }) => homeDir === home);
}

/** All that are on record, whether or not their folders are there. */
export const recordedWorktrees = (context: Context): readonly Worktree[] =>
  readAsIs(context, (store) => store.worktrees()) ?? [];

/** The task in its worktree. Throws `RalphError` as `findTask` does. */
export function taskIn({ taskDir, root }: Worktree): Task {
  return findTask(taskDir, { cwd: root, tree: systemTree, projectRoot: root });
}

/** The task where it is worked on: in its worktree, if it has one that is there. */
export function whereItWorks(context: Context, task: Task): Task {
  const tree = worktreeOf(task, recordedWorktrees(context));
  if (!tree || tree.taskDir === task.dir || !isThere(tree.root)) return task;
  try {
    return taskIn(tree);
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    // A worktree that was never filled, or that has lost its PRD, has nothing to work on.
    return task;
  }
}

/** Throws `RalphError` (`conflict`) for a task whose worktree was removed by somebody else. */
export function requireNotGone(context: Context, task: Task): void {
  const tree = worktreeOf(task, recordedWorktrees(context));
  if (!tree || tree.preparedAt === null || isThere(tree.root)) return;
  const name = plain(tree.taskName, 80);
  throw new RalphError(
    "conflict",
    `cannot run \`${name}\` here: its worktree ${
      plain(tree.root, 200)
    } is gone, and its work is on ` +
      `the branch \`${plain(tree.branch, 80)}\``,
    [
      {
        text: "make the worktree again, from that branch",
        command: `ralph run ${shellWord(tree.taskName)} --worktree`,
      },
      { text: "or forget the worktree; the branch stays", command: "ralph clean --worktrees" },
    ],
  );
}
