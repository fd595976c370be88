/** Which session a command means. */
import * as path from "node:path";
import { sleep } from "../../clock.ts";
import { type Hint, RalphError } from "../../error.ts";
import { isLocked, readSessions } from "../../control/liveness.ts";
import { placesOf, rootsOf } from "../../control/worktree/find.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import type { Session } from "../../store/model.ts";
import type { ReadOnlyStore } from "../../store/store.ts";
import { AmbiguousTask } from "../../task/ambiguous_task.ts";
import { findProjectRoot, findTask, listTasks } from "../../task/find.ts";
import type { Task } from "../../task/task_files.ts";
import { didYouMean } from "../../task/did_you_mean.ts";
import { ago } from "../../terminal/format.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { CommandContext } from "../command_context.ts";
import { requireOwn, tellOtherProject } from "./other_project.ts";

const LISTED_MAX = 12;

interface Choice {
  /** Something is to be changed: another project's task has to be named by its path. */
  changes?: boolean;
}

/**
 * The session that a person means: the latest of the task that is named, which is looked for in
 * this project first and then in all; without a name the one that runs, else the latest of this
 * project, else the latest of all. Throws `RalphError` (`not_found`, `usage`) with the candidates.
 */
export function chooseSession(
  context: CommandContext,
  argument: string | undefined,
  choice: Choice = {},
): Session {
  return readSessions(context, {
    read: (store) => chooseAmong(context, store, argument, choice),
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
  context: CommandContext,
  argument: string | undefined,
  choice: Choice = {},
): Promise<Session> {
  const { clock } = context;
  const deadline = clock.monotonic() + SETTLE_MS_MAX;
  for (;;) {
    const session = chooseSession(context, argument, choice);
    const agree = session.status === "running" ||
      !isLocked(context, session);
    if (agree || clock.monotonic() >= deadline) return session;
    await sleep(clock, SETTLE_LOOK_MS);
  }
}

/** The same from a store that is open, or was never made. */
export function chooseAmong(
  context: CommandContext,
  store: ReadOnlyStore | undefined,
  argument: string | undefined,
  { changes = false }: Choice = {},
): Session {
  if (argument === undefined) {
    const session = store && withoutName(context, store);
    if (!session) throw noSessions(context);
    tellOtherProject(context, session, store.worktrees());
    return session;
  }
  if (!store) throw nothingRecorded(context, argument);
  const here = taskOf(context, argument);
  if (!here) {
    const atPath = byPath(context, store, argument);
    if (atPath) return atPath;
    const session = byName(context, store, argument);
    const trees = store.worktrees();
    if (changes) requireOwn(context, argument, { session, trees });
    else tellOtherProject(context, session, trees);
    return session;
  }
  const sessions = placesOf(here, store.worktrees()).flatMap((dir) => store.lastSession(dir) ?? []);
  // Not looked up by an index, in which a row may be missing.
  const session = sessions.toSorted((a, b) => b.id - a.id).at(0) ??
    store.lastSessions().find(({ taskDir }) => taskDir === here.dir);
  // Another project's task of that name is not meant.
  if (!session) throw neverRan(argument);
  return session;
}

/** Nothing was ever recorded. */
export function noSessions(context: CommandContext): RalphError {
  return new RalphError("not_found", "no session was ever started", [howToBegin(context)]);
}

/** Outside of a project there are no tasks to show. */
function howToBegin(context: CommandContext): Hint {
  return findProjectRoot(context.cwd(), systemTree) === undefined
    ? { text: "see how to begin", command: "ralph" }
    : { text: "see the tasks of this project", command: "ralph tasks" };
}

/** The same, of the task that was asked for. */
export function nothingRecorded(context: CommandContext, task: string | undefined): RalphError {
  return task === undefined ? noSessions(context) : noSession(context, task, []);
}

/** The latest session of a task that was in that folder, which is gone. */
function byPath(
  { cwd }: CommandContext,
  store: ReadOnlyStore,
  argument: string,
): Session | undefined {
  return argument.includes("/") ? store.lastSession(path.resolve(cwd(), argument)) : undefined;
}

/** Undefined when there is none: its folder may be gone, or in another project. */
function taskOf(context: CommandContext, argument: string): Task | undefined {
  try {
    return findTask(argument, { cwd: context.cwd(), tree: systemTree });
  } catch (error) {
    if (error instanceof RalphError && error.kind === "not_found") return undefined;
    throw error;
  }
}

function byName(context: CommandContext, store: ReadOnlyStore, name: string): Session {
  const all = store.lastSessions();
  const named = all.filter((session) => session.taskName === name);
  if (named.length === 1) return named[0];
  if (named.length > 1) throw ambiguous(context, name, named);
  throw noSession(context, name, all.map((session) => session.taskName));
}

function withoutName(context: CommandContext, store: ReadOnlyStore): Session | undefined {
  const all = store.lastSessions();
  const root = findProjectRoot(context.cwd(), systemTree);
  const roots = rootsOf(root, store.worktrees());
  const here = all.filter((session) => roots.includes(session.projectRoot));
  for (const sessions of [here, all]) {
    const running = sessions.filter((session) => session.status === "running");
    if (running.length === 1) return running[0];
    if (running.length > 1) throw ambiguous(context, undefined, running);
  }
  return here.at(0) ?? all.at(0);
}

/** The error for what can mean several tasks; `argument`: what was typed, if anything was. */
export function ambiguous(
  context: CommandContext,
  argument: string | undefined,
  sessions: readonly Session[],
): RalphError {
  const now = context.clock.now();
  const candidates = sessions.map(({ taskDir, status, updatedAt }) => ({
    path: taskDir,
    about: `${plain(status)}, ${ago(Date.parse(updatedAt), now)}`,
  }));
  const what = argument === undefined ? "a command without a task" : `\`${plain(argument, 80)}\``;
  return new AmbiguousTask(what, candidates, argument);
}

function neverRan(name: string): RalphError {
  return new RalphError("not_found", `no session of \`${plain(name, 80)}\` was ever started`, [
    { text: "start one", command: `ralph run ${shellWord(name)}` },
  ]);
}

function noSession(context: CommandContext, name: string, recorded: readonly string[]): RalphError {
  const shown = plain(name, 80);
  if (taskOf(context, name)) return neverRan(name);
  const root = findProjectRoot(context.cwd(), systemTree);
  const tasks = root === undefined ? [] : listTasks(root, systemTree).map((task) => task.name);
  const known = [...new Set([...tasks, ...recorded])];
  const near = didYouMean(name, known);
  return new RalphError("not_found", `there is no task \`${shown}\` here or on record`, [
    ...(near === undefined ? [] : [{ text: `did you mean \`${plain(near, 80)}\`?` }]),
    ...(known.length === 0 ? [howToBegin(context)] : [{
      text: `known tasks: ${known.slice(0, LISTED_MAX).map((one) => plain(one, 80)).join(", ")}${
        known.length > LISTED_MAX ? ", …" : ""
      }`,
    }]),
  ]);
}
