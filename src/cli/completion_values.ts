/**
 * What can be typed where the command tree only has a name: tasks, models, checks. What is costly to
 * load is loaded when it is wanted.
 */
import * as path from "node:path";
import { sleep } from "../clock.ts";
import { pathsFrom } from "../host/files/paths.ts";
import { fileExists, readFileIfAny } from "../host/files/read_file.ts";
import { systemTree } from "../host/files/system_tree.ts";
import type { Iteration, Session } from "../store/model.ts";
import type { ReadOnlyStore } from "../store/store.ts";
import { findProjectRoot, listTasks } from "../task/find.ts";
import { taskNameProblem } from "../task/name.ts";
import { readPrd } from "../task/prd_file.ts";
import { callName } from "../task/task_files.ts";
import { plain } from "../terminal/plain.ts";
import type { CommandContext } from "./command_context.ts";

/** Something that can be typed next. */
export interface Candidate {
  value: string;
  description: string;
}

/** What is to be completed. `task`: the first argument that is there. */
export interface Wanted {
  command: string;
  name: string;
  task?: string;
}

/** Who presses a key does not wait for another program's lock. */
const LOCKED_MS_MAX = 50;
/** Nor for a server that loads what it was never asked for: the next time it has it. */
const SERVER_MS_MAX = 500;
/** What is looked through for what was used before. */
const SESSIONS_MAX = 100;
const OPENCODE_SESSIONS_MAX = 50;

/** Commands that can do nothing for a task that does not run, or for which one that runs is meant. */
const FOR_RUNNING = ["stop", "checkpoint", "attach"];

/** The values of an argument or an option of this name; none where nobody knows any. */
export async function valuesOf(
  context: CommandContext,
  { command, name, task }: Wanted,
): Promise<readonly Candidate[]> {
  switch (name) {
    case "task":
    case "what":
      return command === "land" ? await landable(context) : await taskNames(context, command);
    case "checks":
      return await checkNames();
    case "session":
      // Those of `logs` and `show` are numbers of ralph's own.
      return await (command === "attach"
        ? openCodeSessions(context)
        : sessionNumbers(context, task));
    case "iteration":
    case "number":
      return await iterationNumbers(context, task);
    case "only":
      return openStories(context, task);
    case "model":
    case "agent":
      return await choices(context, name);
    default:
      return [];
  }
}

/**
 * The names of this project's tasks, and, except for `run`, which needs the folder, of all that have
 * a session. Names that the shells could not type, or that would garble the screen, are left out.
 */
async function taskNames(context: CommandContext, command: string): Promise<readonly Candidate[]> {
  const root = findProjectRoot(context.cwd(), systemTree);
  const here = root === undefined ? [] : listTasks(root, systemTree);
  const sessions = await recorded(context, (store) => store.lastSessions());
  const isRunning = (session: Session | undefined) =>
    !FOR_RUNNING.includes(command) || session?.status === "running";
  const queued = command === "stop" ? new Set(await recorded(context, queuedDirs)) : undefined;
  const isWanted = (session: Session | undefined, dir = session?.taskDir ?? "") =>
    isRunning(session) || queued?.has(dir);
  const found = new Map(here.flatMap((task) => {
    const session = sessions.find((one) => one.taskDir === task.dir);
    if (!isWanted(session, task.dir)) return [];
    return [[callName(task, here), session ? lastStatus(session) : ""]];
  }));
  for (const session of command === "run" ? [] : sessions.filter((one) => isWanted(one))) {
    const { taskName, taskDir, projectRoot } = session;
    if (here.some(({ dir }) => dir === taskDir)) continue;
    if (found.has(taskName) || taskNameProblem(taskName) !== undefined) continue;
    found.set(taskName, `${lastStatus(session)}, in ${projectRoot}`);
  }
  return [...found].map(([value, description]) => ({ value, description }));
}

/** The tasks that have worktrees. */
async function landable(context: CommandContext): Promise<readonly Candidate[]> {
  const trees = await recorded(context, (store) => store.worktrees());
  return typeable(
    trees.filter(({ removedAt }) => removedAt === null)
      .map(({ taskName, branch, root }) => [taskName, `${branch}, in ${root}`]),
  );
}

/** Folders of the tasks that are in a queue. */
const queuedDirs = (store: ReadOnlyStore): readonly string[] =>
  store.lastQueues().filter(({ endedAt }) => endedAt === null)
    .flatMap(({ tasks }) => tasks.filter(({ state }) => state === "waiting"))
    .map(({ taskDir }) => taskDir);

/** Whether a running session's worker still lives is not looked up here. */
function lastStatus({ status }: Session): string {
  return status === "running" ? "running when last seen" : status;
}

async function checkNames(): Promise<readonly Candidate[]> {
  const { allChecks } = await import("../doctor/checks.ts");
  const checks = allChecks({ deep: true });
  const groups = [...new Set(checks.map(({ group }) => group))];
  return [
    ...groups.map((group) => ({ value: group.toLowerCase(), description: "all of this group" })),
    ...checks.map(({ id, title }) => ({ value: id, description: title })),
  ];
}

/** Of the task's sessions, or of all, the latest first. */
async function sessionNumbers(
  context: CommandContext,
  task?: string,
): Promise<readonly Candidate[]> {
  const found = await recorded(context, (store) => store.sessions({ limit: SESSIONS_MAX }));
  return found.filter((session) => task === undefined || isOf(context, session, task))
    .map(({ id, taskName, status }) => ({
      value: String(id),
      description: `${taskName}, ${status}`,
    }));
}

/** Of the task's latest session, or of the latest of all, the last one first. */
async function iterationNumbers(
  context: CommandContext,
  task?: string,
): Promise<readonly Candidate[]> {
  const found = await recorded(context, (store) => {
    const session = store.sessions({ limit: SESSIONS_MAX })
      .find((one) => task === undefined || isOf(context, one, task));
    return session ? store.iterations(session.id) : [];
  });
  return found.toReversed().map(({ number, storyId, outcome }) => ({
    value: String(number),
    description: [storyId, outcome ?? "under way"].filter((one) => one !== null).join(", "),
  }));
}

/** Named by its name, or by a path. */
const isOf = ({ cwd }: CommandContext, { taskName, taskDir }: Session, task: string) =>
  taskName === task || taskDir === path.resolve(cwd(), task);

/** The open stories of the task, or of all tasks of the project, in the order of the PRD. */
function openStories(context: CommandContext, task?: string): readonly Candidate[] {
  const root = findProjectRoot(context.cwd(), systemTree);
  const tasks = root === undefined ? [] : listTasks(root, systemTree);
  const wanted = tasks.filter(({ name, dir }) =>
    task === undefined || name === task || dir === path.resolve(context.cwd(), task)
  );
  const open = wanted.flatMap(({ prdPath }) => {
    try {
      return prdPath === undefined ? [] : readPrd(readFileIfAny, prdPath).stories;
    } catch {
      return [];
    }
  }).filter(({ passes }) => !passes);
  return typeable(open.map(({ id, title }) => [id, title]));
}

/** Those of the sessions that were active last, the latest first. */
async function openCodeSessions(context: CommandContext): Promise<readonly Candidate[]> {
  const found = await recorded(
    context,
    (store) =>
      store.sessions({ limit: SESSIONS_MAX }).flatMap(({ id, taskName }) =>
        store.iterations(id).toReversed().map((iteration) => ({ ...iteration, taskName }))
      ),
  );
  const describe = ({ number, storyId, taskName }: Iteration & { taskName: string }) =>
    `${taskName}, iteration ${number}${storyId === null ? "" : ` (${storyId})`}`;
  return typeable(found.map((one) => [one.openCodeSessionId, describe(one)]))
    .slice(0, OPENCODE_SESSIONS_MAX);
}

/** What was used before, and what the server has. */
async function choices(
  context: CommandContext,
  which: "model" | "agent",
): Promise<readonly Candidate[]> {
  const used = await recorded(
    context,
    (store) => store.sessions({ limit: SESSIONS_MAX }).map((session) => session[which]),
  );
  const { knownToServer } = await import("./completion_server.ts");
  const answered = await Promise.race([
    knownToServer(context, which).catch(() => []),
    sleep(context.clock, SERVER_MS_MAX).then(() => []),
  ]);
  return typeable([
    ...answered.map((value): [string, string] => [value, ""]),
    ...used.map((value): [string | null, string] => [value, "used before"]),
  ]);
}

/** Each once, without what a shell could not type, or what would garble the screen. */
function typeable(found: readonly (readonly [string | null, string])[]): readonly Candidate[] {
  const isTypeable = (value: string) => /^[^\s-]\S*$/.test(value) && plain(value) === value;
  const values = new Map(
    found.flatMap(([value, description]) =>
      value !== null && isTypeable(value) ? [[value, description]] : []
    ),
  );
  return [...values].map(([value, description]) => ({ value, description }));
}

/**
 * What the database has; nothing when it cannot be read just now. Opened for reading only, it is not
 * changed; SQLite may leave its empty log beside it, as at any reading.
 */
async function recorded<T>(
  context: CommandContext,
  read: (store: ReadOnlyStore) => readonly T[],
): Promise<readonly T[]> {
  try {
    const { database } = pathsFrom(context.environment);
    if (!fileExists(database)) return [];
    const [{ openStoreReadOnly }, { migrationsOf }] = await Promise.all([
      import("../store/store.ts"),
      import("../app/store.ts"),
    ]);
    const migrations = migrationsOf(context);
    const store = openStoreReadOnly({ path: database, migrations, timeoutMs: LOCKED_MS_MAX });
    try {
      return store ? read(store) : [];
    } finally {
      store?.close();
    }
  } catch {
    return [];
  }
}
