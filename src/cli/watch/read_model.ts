/** Reads what is known of all tasks, again and again, and of that only what has changed. */
import type { Context } from "../../app/context.ts";
import { logOf } from "../../control/session_log.ts";
import { whereTheyWork } from "../../control/worktree/find.ts";
import { type Starting, startingWorkers } from "../../control/starting.ts";
import { waitingTasks } from "../queue/waiting_tasks.ts";
import { RalphError } from "../../error.ts";
import { readFileIfAny } from "../../host/files/read_file.ts";
import { suspensions, type ToldAsItIs } from "../../control/suspended.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import type { Session } from "../../store/model.ts";
import { findTask, listTasks } from "../../task/find.ts";
import type { Prd } from "../../task/prd.ts";
import { readPrd } from "../../task/prd_file.ts";
import { lastLines } from "../output/log_tail.ts";
import { inOrder, type LastAction, type Model, storyViews, type TaskView } from "./model.ts";
import { keepOnly, type SessionFacts, sessionReader } from "./read_sessions.ts";
import { GONE, stampOf } from "./stamp.ts";

/** Of what changes without a sign: tasks that are new, and what has long ended. */
const ALL_MS = 10_000;
/** A worker waits for longer before it says so. */
const STARTING_MS = 3_000;
/** What is not read in this time is read in the next look: none keeps the screen waiting. */
const LOOK_MS = 20;
/** Of a log, for its last line. */
const LAST_LINES = { count: 20, bytes: 8 * 1024 };

/** What is kept of a task between two looks. */
interface Known {
  taskDir: string;
  name: string;
  projectRoot: string;
  prdPath?: string;
  prd?: { stamp: string; read?: Prd; problem?: string };
  /** Its PRD is to be looked at, though it does not run. */
  isDue?: boolean;
  log?: { stamp: string; last?: LastAction };
}

export interface Looked extends Pick<Model, "tasks" | "trouble"> {
  /** Whether all was read; else it is worth to look again at once. */
  isWhole: boolean;
}

/**
 * Each call of what it returns is a look. `root`: of the project whose tasks are shown though they
 * never ran. Throws as `sessionReader` does.
 */
export function taskReader(
  context: Context,
  root: string | undefined,
): () => Looked {
  const { clock } = context;
  const readSessions = sessionReader(context);
  const known = new Map<string, Known>();
  const keep = (one: Known) => known.set(one.taskDir, { ...known.get(one.taskDir), ...one });
  let allReadAt = -Infinity;
  let starting: readonly Starting[] = [];
  let startingReadAt = -Infinity;
  let queued: ReturnType<typeof waitingTasks> = new Map();
  let asItIs: ToldAsItIs = (session) => session;
  // What cannot be told now is asked again at the next look.
  const lookAtWorkers = () => void suspensions(context).then((told) => asItIs = told, () => {});

  return () => {
    const soon = () => clock.monotonic() + LOOK_MS;
    const isFirst = allReadAt === -Infinity;
    const all = clock.monotonic() - allReadAt >= ALL_MS;
    const { facts, trouble, ...sessions } = readSessions({ all, until: soon() });
    for (const { session: { taskDir, taskName: name, projectRoot } } of facts.values()) {
      if (!known.has(taskDir)) keep({ taskDir, name, projectRoot });
    }
    if (all) {
      allReadAt = clock.monotonic();
      const here = root === undefined ? [] : whereTheyWork(context, listTasks(root, systemTree));
      for (const { dir: taskDir, name, projectRoot, prdPath } of here) {
        keep({ taskDir, name, projectRoot, prdPath });
      }
      keepOnly(known, new Set([...facts.keys(), ...here.map(({ dir }) => dir)]));
      for (const one of known.values()) one.isDue = true;
    }
    if (clock.monotonic() - startingReadAt >= STARTING_MS) {
      startingReadAt = clock.monotonic();
      starting = startingWorkers(context);
      queued = waitingTasks(context);
      lookAtWorkers();
    }
    for (const one of queued.values()) keep(one);
    for (const { task: name, taskDir, projectRoot } of starting) {
      keep({ taskDir, name, projectRoot });
    }
    let isWhole = sessions.isWhole;
    // What was never read takes the longest: the screen is there before.
    const until = isFirst ? -Infinity : soon();
    const tasks = [...known.values()].map((one) => {
      const fact = facts.get(one.taskDir);
      const isRunning = fact?.session.status === "running";
      if (isRunning || one.isDue) {
        if (clock.monotonic() > until) isWhole = false;
        else {
          readPrdOf(one);
          if (isRunning) readLastAction(context, one, fact.session);
        }
      }
      return taskView(one, fact && { ...fact, session: asItIs(fact.session) }, {
        starting: starting.find(({ taskDir }) => taskDir === one.taskDir),
        queued: queued.get(one.taskDir)?.words,
      });
    });
    return { tasks: inOrder(tasks, root), trouble, isWhole };
  };
}

function taskView(
  { taskDir, name, projectRoot, prd, log }: Known,
  { session, live = false, usage, budgetUsd, workedMs }: Partial<SessionFacts> = {},
  { starting, queued }: { starting?: Starting; queued?: string },
): TaskView {
  const isRunning = session?.status === "running";
  return {
    ...{ taskDir, name, projectRoot, session, live, usage, budgetUsd, workedMs, queued },
    ...starting && { starting: { doing: starting.doing, since: starting.since } },
    ...prd?.read && { stories: storyViews(prd.read, isRunning ? session.currentStory : null) },
    problem: prd?.problem,
    ...isRunning && { last: log?.last },
  };
}

/** A PRD that cannot be read, as one that is being written, is read again once it has changed. */
function readPrdOf(one: Known): void {
  one.isDue = false;
  const { taskDir, projectRoot } = one;
  let stamp = GONE;
  try {
    if (one.prdPath === undefined || stampOf(one.prdPath) === GONE) {
      one.prdPath = findTask(taskDir, { cwd: "/", tree: systemTree, projectRoot }).prdPath;
    }
    if (one.prdPath === undefined) return void (one.prd = { stamp });
    stamp = stampOf(one.prdPath);
    if (stamp === one.prd?.stamp) return;
    one.prd = { stamp, read: readPrd(readFileIfAny, one.prdPath) };
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    one.prd = { stamp, problem: error.message.replaceAll(`${projectRoot}/`, "") };
  }
}

function readLastAction(context: Context, one: Known, session: Session): void {
  const log = logOf(context, session);
  const stamp = log ? stampOf(log.path) : GONE;
  if (!log || stamp === one.log?.stamp) return;
  try {
    one.log = { stamp, last: lastActionIn(lastLines(log.path, LAST_LINES.count, LAST_LINES)) };
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    one.log = { stamp };
  }
}

/** The last line that says something, with the time that is before each. */
function lastActionIn(lines: readonly string[]): LastAction | undefined {
  for (const line of lines.toReversed()) {
    const [, time, text] = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) +(.*)$/.exec(line) ?? [];
    if (text !== undefined && text.trim() !== "") return { at: Date.parse(time), text };
  }
  return undefined;
}
