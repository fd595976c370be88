/** What tasks depend on, as this project says now, and whether that is completed. */
import type { Context } from "../app/context.ts";
import { readSessions } from "../control/liveness.ts";
import { RalphError } from "../error.ts";
import { readFileIfAny } from "../host/files/read_file.ts";
import { systemTree } from "../host/files/system_tree.ts";
import type { Settings } from "../settings/settings.ts";
import type { Session } from "../store/model.ts";
import { listTasks } from "../task/find.ts";
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

/** Throws `RalphError`: `conflict` when what the task depends on is not completed, else as above. */
export function requireDependencies(context: Context, task: Task, settings: Said): void {
  const dependsOn = dependenciesOf([task], settings).get(task.dir) ?? [];
  const [first, ...others] = uncompleted(context, dependsOn);
  if (first) throw dependsOnOpen(task, [first, ...others]);
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
