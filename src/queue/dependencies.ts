/** What tasks depend on, as this project says now, and whether that is completed. */
import type { Context } from "../app/context.ts";
import { readSessions } from "../control/liveness.ts";
import { requireDependedOn, worktreesOf } from "../control/worktree/depended_on.ts";
import {
  homeRootOf,
  homeTask,
  recordedWorktrees,
  whereTheyWork,
} from "../control/worktree/find.ts";
import { RalphError } from "../error.ts";
import { readFileIfAny } from "../host/files/read_file.ts";
import { systemTree } from "../host/files/system_tree.ts";
import { whyResumable } from "../loop/session/resumable.ts";
import type { Settings } from "../settings/settings.ts";
import type { Session, Worktree } from "../store/model.ts";
import { findTask, listTasks } from "../task/find.ts";
import { readPrd } from "../task/prd_file.ts";
import { taskDependencies } from "../task/task_dependencies.ts";
import { callName, type Task } from "../task/task_files.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";

type Said = Pick<Settings, "dependsOn">;

/**
 * What each of these tasks of one project depends on, by their folders: as `ralph.json` and their PRDs
 * say. Throws `RalphError` (`usage`) as `taskDependencies` does, and for a PRD that cannot be read.
 */
export function dependenciesOf(
  tasks: readonly Task[],
  settings: Said,
): ReadonlyMap<string, readonly Task[]> {
  const named = tasks.map((task) => namesOf(task, { settings, all: tasks }));
  if (named.every((names) => names.length === 0)) return new Map();
  const all = listTasks(tasks[0].projectRoot, systemTree);
  return taskDependencies(tasks, { all, namesOf: (task) => namesOf(task, { settings, all }) });
}

function namesOf(
  task: Task,
  { settings: { dependsOn }, all }: { settings: Said; all: readonly Task[] },
): readonly string[] {
  const ofPrd = task.prdPath === undefined ? [] : readPrd(readFileIfAny, task.prdPath).dependsOn;
  const called = new Set([task.name, callName(task, all)]);
  const ofSettings = [...called].flatMap((name) =>
    Object.hasOwn(dependsOn, name) ? dependsOn[name] : []
  );
  return [...new Set([...ofPrd ?? [], ...ofSettings])];
}

/**
 * Those of the tasks that are not completed: their last session did not complete, or a story is open in
 * the PRD now. Without a session the PRD has the word alone.
 */
export function uncompleted(context: Context, tasks: readonly Task[]): readonly Task[] {
  if (tasks.length === 0) return [];
  const sessions = readSessions<readonly (Session | undefined)[]>(context, {
    read: (store) => tasks.map(({ dir }) => store.lastSession(dir)),
    whenEmpty: [],
  });
  return tasks.filter(({ prdPath }, i) => {
    const last = sessions[i];
    if (last && last.status !== "completed") return true;
    if (prdPath === undefined) return last === undefined;
    return readPrd(readFileIfAny, prdPath).stories.some(({ passes }) => !passes);
  });
}

/** The task in the tree that its worktree was made from; one that is in none as it is. */
export function atHome(task: Task, trees: readonly Worktree[]): Task {
  const { dir, projectRoot } = homeTask(task, trees);
  if (dir === task.dir) return task;
  return findTask(dir, { cwd: projectRoot, tree: systemTree, projectRoot });
}

/**
 * The folders, at home, of the tasks that this one depends on. Throws `RalphError`: `conflict` when one of
 * them is not completed where it is worked on, else as above.
 */
export function completedBefore(
  context: Context,
  task: Task,
  settings: Said,
): readonly string[] {
  const home = atHome(task, recordedWorktrees(context));
  const dependsOn = dependenciesOf([home], settings).get(home.dir) ?? [];
  const open = uncompleted(context, whereTheyWork(context, dependsOn));
  if (open.length > 0) throw dependsOnOpen(task, open);
  return dependsOn.map(({ dir }) => dir);
}

/**
 * Throws `RalphError` (`conflict`) where the work of the tasks at home in these folders is not in the tree
 * of this one. One that goes on has begun with what was done then.
 */
export async function requireInTree(
  context: Context,
  task: Pick<Task, "name" | "dir" | "projectRoot">,
  homeDirs: readonly string[],
): Promise<void> {
  if (homeDirs.length === 0 || goesOnThere(context, task) !== undefined) return;
  const { name: taskName, projectRoot: root } = task;
  const homeRoot = homeRootOf(context, root) ?? root;
  const needed = worktreesOf(homeDirs, recordedWorktrees(context));
  await requireDependedOn({ taskName, root, homeRoot }, needed, { clock: context.clock });
}

/** Why the task is gone on with in this folder; undefined when nothing of it waits there. */
export function goesOnThere(context: Context, { dir }: Pick<Task, "dir">): string | undefined {
  const last = readSessions(context, {
    read: (store) => store.lastSession(dir),
    whenEmpty: undefined,
  });
  return last && whyResumable(last);
}

/** Throws as `completedBefore` and `requireInTree` do. */
export async function requireDependencies(
  context: Context,
  task: Task,
  settings: Said,
): Promise<void> {
  await requireInTree(context, task, completedBefore(context, task, settings));
}

/** The error for a task whose dependencies are not completed. */
export function dependsOnOpen(task: Task, open: readonly Task[]): RalphError {
  const names = open.map(({ name }) => `\`${plain(name, 80)}\``).join(", ");
  const all = [...open, task].map(({ name }) => shellWord(name)).join(" ");
  return new RalphError(
    "conflict",
    `cannot run \`${plain(task.name, 80)}\`: it depends on ${names}, which ${
      open.length > 1 ? "are" : "is"
    } not completed`,
    [{ text: "run them one after the other", command: `ralph run ${all}` }],
  );
}
