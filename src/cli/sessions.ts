/** Which session a command means, and what is true of it now. */
import { sleep } from "../clock.ts";
import { RalphError } from "../error.ts";
import { takeLock, workerLives } from "../host/lock.ts";
import { taskKey } from "../host/paths.ts";
import { systemTree } from "../host/tree.ts";
import { StoreError } from "../registry/database.ts";
import type { Session } from "../registry/model.ts";
import type { ReadOnlyRegistry } from "../registry/registry.ts";
import { findProjectRoot, findTask, listTasks } from "../task/find.ts";
import { nearest } from "../task/nearest.ts";
import { ago } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Context } from "./context.ts";
import { lockPath, openStore, openStoreReadOnly } from "./store.ts";

const LISTED_MAX = 12;

/** What is read may be shown without it. */
const MARK_MS = 1_000;

/** The key that the task of this session has in the folders of locks, signals and logs. */
export function keyOf(session: Session): string {
  return taskKey({ name: session.taskName, dir: session.taskDir });
}

/** Whether the session's worker lives. */
export function isAlive(context: Context, session: Session): boolean {
  return session.status === "running" && workerLives(lockPath(context, keyOf(session)));
}

/** The session that a task's worker is at work on; undefined when it has none on record. */
export function runningSession(context: Context, { dir }: { dir: string }): Session | undefined {
  const last = readSessions(context, {
    read: (registry) => registry.lastSession(dir),
    whenEmpty: undefined,
  });
  return last?.status === "running" ? last : undefined;
}

/**
 * Reads from the registry, with every session true: a running one whose worker is dead is first
 * marked as failed. The database is opened for writing only for that; where that cannot be done, it
 * is only shown so. `whenEmpty`: what is read where nothing was ever recorded.
 */
export function readSessions<T>(
  context: Context,
  { read, whenEmpty }: { read: (registry: ReadOnlyRegistry) => T; whenEmpty: T },
): T {
  const registry = openStoreReadOnly(context);
  if (!registry) return whenEmpty;
  try {
    markDead(context, registry);
    return read(registry);
  } finally {
    registry.close();
  }
}

function markDead(context: Context, registry: ReadOnlyRegistry): void {
  let refusal: StoreError | undefined;
  for (const session of registry.running()) {
    try {
      // Whatever refused the one before would refuse this one, too, after the same time.
      if (!refusal) markIfDead(context, session);
      if (!refusal || isAlive(context, session)) continue;
    } catch (error) {
      if (!(error instanceof StoreError) || !error.passing) throw error;
      refusal = error;
      context.output.err.line(
        `warning: cannot record that the worker of \`${plain(session.taskName, 80)}\` is gone: ` +
          error.message,
      );
    }
    registry.showAsDied(session.id, "the worker ended without a word; that is not recorded yet");
  }
}

/** The session as it is now. */
export function reread(context: Context, session: Session): Session {
  const read = (registry: ReadOnlyRegistry) => registry.session(session.id);
  return readSessions(context, { read, whenEmpty: undefined }) ?? session;
}

/** Marks a running session as failed if its worker is dead. */
export function markIfDead(context: Context, session: Session): void {
  workerLives(lockPath(context, keyOf(session)), () => {
    const registry = openStore(context, { timeoutMs: MARK_MS });
    try {
      registry.markWorkerDied(session, "the worker ended without a word");
    } finally {
      registry.close();
    }
  });
}

/**
 * The session that a person means: the latest of the task that is named, which is looked for in
 * this project first and then in all; without a name the one that runs, else the latest of this
 * project, else the latest of all. Throws `RalphError` (`not_found`, `usage`) with the candidates.
 */
export function chooseSession(context: Context, argument: string | undefined): Session {
  return readSessions(context, {
    read: (registry) => chooseAmong(context, registry, argument),
    whenEmpty: undefined,
  }) ?? chooseAmong(context, undefined, argument);
}

/** How long a worker may be between its lock and its row, as in a large tree. */
const SETTLE_MS_MAX = 10_000;
const SETTLE_LOOK_MS = 20;

/**
 * The same, once lock and row agree: a worker that is about to begin has recorded it, and one that
 * has recorded its end is gone.
 */
export async function chooseSettled(
  context: Context,
  argument: string | undefined,
): Promise<Session> {
  const { clock } = context;
  const deadline = clock.monotonic() + SETTLE_MS_MAX;
  for (;;) {
    const session = chooseSession(context, argument);
    const agree = session.status === "running" ||
      !workerLives(lockPath(context, keyOf(session)));
    if (agree || clock.monotonic() >= deadline) return session;
    await sleep(clock, SETTLE_LOOK_MS);
  }
}

/** The same from a registry that is open, or was never made. */
export function chooseAmong(
  context: Context,
  registry: ReadOnlyRegistry | undefined,
  argument: string | undefined,
): Session {
  if (argument === undefined) {
    const session = registry && withoutName(context, registry.lastSessions());
    if (!session) throw noSessions();
    return session;
  }
  if (!registry) throw noSession(context, argument, []);
  return byTask(context, registry, argument) ?? byName(context, registry, argument);
}

/** Nothing was ever recorded. */
export function noSessions(): RalphError {
  return new RalphError("not_found", "no session was ever started", [
    { text: "see the tasks of this project", command: "ralph tasks" },
  ]);
}

/** The latest session of the task in this project, or at this path. */
function byTask(
  context: Context,
  registry: ReadOnlyRegistry,
  argument: string,
): Session | undefined {
  try {
    const task = findTask(argument, { cwd: context.cwd(), tree: systemTree });
    return registry.lastSession(task.dir);
  } catch (error) {
    // The folder may be gone, or in another project: its sessions are on record all the same.
    if (error instanceof RalphError && error.kind === "not_found") return undefined;
    throw error;
  }
}

function byName(context: Context, registry: ReadOnlyRegistry, name: string): Session {
  const all = registry.lastSessions();
  const named = all.filter((session) => session.taskName === name);
  if (named.length === 1) return named[0];
  if (named.length > 1) throw ambiguous(context, `\`${plain(name, 80)}\``, named);
  throw noSession(context, name, all.map((session) => session.taskName));
}

function withoutName(context: Context, all: readonly Session[]): Session | undefined {
  const root = findProjectRoot(context.cwd(), systemTree);
  const here = all.filter((session) => session.projectRoot === root);
  for (const sessions of [here, all]) {
    const running = sessions.filter((session) => session.status === "running");
    if (running.length === 1) return running[0];
    if (running.length > 1) throw ambiguous(context, "a command without a task", running);
  }
  return here.at(0) ?? all.at(0);
}

/** The error for what can mean several tasks. `what` is safe to show. */
export function ambiguous(
  context: Context,
  what: string,
  sessions: readonly Session[],
): RalphError {
  const now = context.clock.now();
  return new RalphError(
    "usage",
    `${what} can mean ${sessions.length} tasks; name one by its path`,
    [
      ...sessions.slice(0, LISTED_MAX).map((session) => ({
        text: `${plain(session.taskDir, 200)} (${plain(session.status)}, ${
          ago(Date.parse(session.updatedAt), now)
        })`,
      })),
    ],
  );
}

function noSession(context: Context, name: string, recorded: readonly string[]): RalphError {
  const root = findProjectRoot(context.cwd(), systemTree);
  const tasks = root === undefined ? [] : listTasks(root, systemTree).map((task) => task.name);
  const shown = plain(name, 80);
  if (tasks.includes(name)) {
    return new RalphError("not_found", `no session of \`${shown}\` was ever started`, [
      { text: "start one", command: `ralph run ${shellWord(name)}` },
    ]);
  }
  const known = [...new Set([...tasks, ...recorded])];
  const near = nearest(name, known);
  return new RalphError("not_found", `there is no task \`${shown}\` here or on record`, [
    ...(near === undefined ? [] : [{ text: `did you mean \`${plain(near, 80)}\`?` }]),
    ...(known.length === 0 ? [] : [{
      text: `known tasks: ${known.slice(0, LISTED_MAX).map((one) => plain(one, 80)).join(", ")}${
        known.length > LISTED_MAX ? ", …" : ""
      }`,
    }]),
  ]);
}

/**
 * Takes the lock of a session's task in place of its worker, which must be gone. Throws `RalphError`
 * (`conflict`) when a worker has it after all.
 */
export async function lockOf(context: Context, session: Session) {
  const lock = await takeLock(lockPath(context, keyOf(session)), context.clock);
  if (lock) return lock;
  throw new RalphError(
    "conflict",
    `another worker of \`${plain(session.taskName, 80)}\` has begun`,
    [
      { text: "see what it does", command: `ralph status` },
    ],
  );
}
