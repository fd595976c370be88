/** Stopping a session from outside: what is asked, waited for, done in the worker's place, and seen. */
import type { Context } from "../app/context.ts";
import { openUserStore } from "../app/store.ts";
import { sleep } from "../clock.ts";
import { RalphError } from "../error.ts";
import {
  type AgentProcess,
  agentProcesses,
  endLeftProcesses,
} from "../host/process/agent_processes.ts";
import { whyResumable } from "../loop/session/resumable.ts";
import { StoreError } from "../store/database.ts";
import type { Session } from "../store/model.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import {
  awaitWorkerEnd,
  endInItsPlace,
  endLeftCommands,
  kill,
  type WorkerEnd,
} from "./end_worker.ts";
import { endLeftTurn, type TurnEnd, turnEndOf } from "./leftover_turn.ts";
import { isLocked, isReplaced, stored } from "./liveness.ts";
import { request, withdraw } from "./requests.ts";

/** OpenCode 1.18.33 kills a command that ignores SIGTERM 3 s after it, 1.1.53 sooner (measured). */
const AGENT_DEATH_MS = 4_000;
const LOOK_MS = 200;

/** What became of a session that was to be stopped. */
type StopResult =
  | {
    was: "not_running";
    session: Session;
    /** What became of a turn that the session had left at work; undefined when there was none. */
    turn?: TurnEnd;
    /** What was done about processes of agents, where that was asked for. */
    processes?: Processes;
  }
  | ({ was: "running" } & Stopped);

export interface Processes {
  /** Processes of agents in the same tree that still run; undefined when nobody could look. */
  left?: readonly AgentProcess[];
  /** Those that were ended, where that was asked for. */
  ended: readonly AgentProcess[];
}

export interface Stopped {
  /** As it is stored now. */
  session: Session;
  worker: WorkerEnd;
  turn: TurnEnd;
  processes: Processes;
  /** Why the end could not be recorded; may be shown as it is. */
  notStored?: string;
  tookMs: number;
}

/**
 * Stops the session now: asks its worker, and sees both worker and turn to their end. Of a session
 * that does not run, what it has left at work is ended. With `all` what commands of agents have left
 * running in the project is ended too, whoever's they are. `onSlow` is called when the worker takes its
 * time. Throws `RalphError` when the worker does not end, or another one has begun.
 */
export async function stopSession(
  context: Context,
  session: Session,
  { force, all, onSlow }: { force: boolean; all: boolean; onSlow: () => void },
): Promise<StopResult> {
  const { clock } = context;
  const begun = clock.monotonic();
  const endLeft = () => endLeftProcesses(session.projectRoot, clock);
  if (session.status !== "running") {
    const done = await clearUp(context, session, { force });
    return all ? { ...done, processes: await endLeft() } : done;
  }
  request(context, session, "stop");
  const worker = await awaitWorkerEnd(context, session, { force, onSlow });
  let notStored: string | undefined;
  try {
    await endInItsPlace(context, session, { killed: worker === "killed" });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    notStored = error.message;
  }
  withdraw(context, session);
  const ended = stored(context, session);
  if (ended.reason !== "user_stop" && isReplaced(context, session)) throw beganAgain(session);
  const ending = turnEndOf(context, ended);
  const [turn, left] = await Promise.all([ending, leftBehind(context, ended, ending)]);
  const tookMs = clock.monotonic() - begun;
  const processes = all ? await endLeft() : { left, ended: [] };
  return { was: "running", session: ended, worker, turn, processes, notStored, tookMs };
}

/**
 * Of a session that has ended: a worker that does not go, its commands, and its turn. With force nothing goes
 * on with it any more, either.
 */
async function clearUp(
  context: Context,
  session: Session,
  { force }: { force: boolean },
): Promise<{ was: "not_running"; session: Session; turn?: TurnEnd }> {
  if (isLocked(context, session)) {
    if (!force) throw stillThere(session);
    await kill(context, session);
  }
  await endLeftCommands(context, session);
  const turn = await endLeftTurn(context, session);
  if (!force || whyResumable(session) === undefined) return { was: "not_running", session, turn };
  const store = openUserStore(context);
  try {
    store.abandon(session, "stopped by a person, with force, while it was not running");
  } finally {
    store.close();
  }
  return { was: "not_running", session: stored(context, session), turn };
}

/** What the agent's commands have left running, once those that were aborted had the time to end. */
async function leftBehind(
  { clock }: Context,
  { projectRoot, startedAt }: Session,
  ending: Promise<TurnEnd>,
): Promise<readonly AgentProcess[] | undefined> {
  const end = clock.monotonic() + AGENT_DEATH_MS;
  for (;;) {
    const left = await agentProcesses({ root: projectRoot, since: Date.parse(startedAt) }, clock);
    if (!left || left.length === 0 || clock.monotonic() >= end) return left;
    if ((await ending).turn === "none") return left;
    await sleep(clock, LOOK_MS);
  }
}

function beganAgain(session: Session): RalphError {
  const name = shellWord(session.taskName);
  return new RalphError(
    "conflict",
    `the worker of \`${plain(session.taskName, 80)}\` has ended, and another \`ralph run\` has ` +
      "gone on with it since",
    [{ text: "stop that one", command: `ralph stop ${name}` }],
  );
}

/** A worker that has recorded its end, and does not come to it. */
function stillThere(session: Session): RalphError {
  const name = plain(session.taskName, 80);
  return new RalphError(
    "failed",
    `the last session of \`${name}\` has ended (${session.status}), but a worker still holds its ` +
      `lock (last known: process ${session.workerPid ?? "unknown"})`,
    [{ text: "end it with force", command: `ralph stop ${shellWord(session.taskName)} --force` }],
  );
}
