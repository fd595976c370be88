/** Which worktree is whose, by what is on record. */
import type { Context } from "../../app/context.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { fileExists } from "../../host/files/read_file.ts";
import { isThere } from "../../host/git/worktrees.ts";
import type { Worktree } from "../../store/model.ts";
import { findTask } from "../../task/find.ts";
import type { Task } from "../../task/task_files.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { readAsIs } from "../liveness.ts";
import { movedTo } from "./names.ts";

type Place = Pick<Task, "dir" | "projectRoot">;

/**
 * Where the task is at home: in the tree that its worktree, or the one that it was found in, was made from.
 * `trees`: all, those that were removed too.
 */
export function homeOf(task: Place, trees: readonly Worktree[]): string {
  const own = trees.find(({ taskDir }) => taskDir === task.dir);
  if (own) return own.homeDir;
  const around = trees.find(({ root }) => root === task.projectRoot);
  return around ? movedTo(around.homeRoot, task) : task.dir;
}

/** From within another task's worktree: the task in the tree that this one was made from. */
export function homeTask<T extends Place>(task: T, trees: readonly Worktree[]): T | Place {
  const around = trees.find(({ root }) => root === task.projectRoot);
  const dir = homeOf(task, trees);
  return around && fileExists(dir) ? { dir, projectRoot: around.homeRoot } : task;
}

/**
 * All places where the task may have worked, at home and in worktrees, also removed ones; those of other
 * files of the same work too.
 */
export function placesOf(
  { copies = [], ...task }: Place & Pick<Task, "copies">,
  trees: readonly Worktree[],
): readonly string[] {
  const places = [task, ...copies].flatMap(({ dir }) => {
    const home = homeOf({ ...task, dir }, trees);
    const inTrees = trees.filter(({ homeDir }) => homeDir === home);
    return [dir, home, ...inTrees.map(({ taskDir }) => taskDir)];
  });
  return [...new Set(places)];
}

/** The worktree of a task, whether it was found there, at home, or in the worktree of another one. */
export function worktreeOf(task: Place, trees: readonly Worktree[]): Worktree | undefined {
  const home = homeOf(task, trees);
  return trees.find(({ homeDir, removedAt }) => homeDir === home && removedAt === null);
}

/** The project that a working tree was made from; undefined for one that is no task's. */
export const homeRootOf = (context: Context, root: string): string | undefined =>
  recordedWorktrees(context).find((tree) => tree.root === root && tree.removedAt === null)
    ?.homeRoot;

/** The worktree that a session's task is in. */
export function worktreeIn(
  trees: readonly Worktree[],
  session: { taskDir: string },
): Worktree | undefined {
  return trees.find((tree) => tree.taskDir === session.taskDir && tree.removedAt === null);
}

/** The roots of the trees that this project's tasks are in. */
export function rootsOf(root: string | undefined, trees: readonly Worktree[]): readonly string[] {
  const made = trees.filter(({ homeRoot, removedAt }) => homeRoot === root && removedAt === null);
  return [...root === undefined ? [] : [root], ...made.map((tree) => tree.root)];
}

/** All that are on record, whether or not they are there. */
export const recordedWorktrees = (context: Context): readonly Worktree[] =>
  readAsIs(context, (store) => store.worktrees()) ?? [];

/** All of it is there. */
export const isWhole = ({ preparedAt, root }: Worktree) => preparedAt !== null && isThere(root);

/** The task in its worktree. Throws `RalphError` as `findTask` does. */
export function taskIn({ taskDir, root }: Pick<Worktree, "taskDir" | "root">): Task {
  return findTask(taskDir, { cwd: root, tree: systemTree, projectRoot: root });
}

/** The tasks where they are worked on: in their worktrees, if they have some that are there. */
export function whereTheyWork(context: Context, tasks: readonly Task[]): readonly Task[] {
  const trees = tasks.length === 0 ? [] : recordedWorktrees(context);
  return trees.length === 0 ? tasks : tasks.map((task) => whereItWorks(task, trees));
}

function whereItWorks(task: Task, trees: readonly Worktree[]): Task {
  const tree = worktreeOf(task, trees);
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
export function requireNotGone(tree: Worktree): void {
  if (tree.preparedAt === null || isThere(tree.root)) return;
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
