/** `ralph stop`, `ralph checkpoint` and `ralph wait`: what a person asks of a worker. */
import { sleep } from "../clock.ts";
import { RalphError } from "../error.ts";
import { workerLives } from "../host/lock.ts";
import { hasOpen } from "../host/proc.ts";
import { type Request, sendRequest, takeRequest } from "../host/signal_files.ts";
import { endAtOnce } from "../loop/end_at_once.ts";
import { OpenCodeError } from "../opencode/error.ts";
import type { Lease, Session } from "../registry/model.ts";
import { LostSession } from "../registry/registry.ts";
import { DEFAULT_SERVER_URL } from "../settings/server_url.ts";
import { ago, duration } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { clientAt } from "./client.ts";
import type { Context } from "./context.ts";
import { EXIT, exitCodeOfSession } from "./exit_codes.ts";
import {
  chooseSession,
  chooseSettled,
  isAlive,
  keyOf,
  lockOf,
  reread,
  runningSession,
} from "./sessions.ts";
import { lockPath, openStore, signalPath } from "./store.ts";

const POLL_MS = 10;
const WAIT_POLL_MS = 100;
/** The worker itself gives an abort that the server does not confirm 15 s (`loop/abort.ts`). */
const STOP_MS_MAX = 25_000;
/** Another `ralph run` may begin as soon as the worker is gone, and then holds the same lock. */
const REPLACED_LOOK_MS = 100;
/** A worker that reacts has ended by then, unless its server does not answer. */
const FORCE_AFTER_MS = 3_000;

/** How long the server may take to confirm that the turn is over. */
const CONFIRM_MS_MAX = 2_000;

interface Confirmed {
  /** What the server says of the agent's turn. */
  turn: "none" | "aborted" | "not confirmed";
  /** Why it is not confirmed. */
  turnDetail?: string;
  workerGone: boolean;
  session: Session;
  tookMs: number;
  forced: boolean;
}

/** `ralph stop [task]`: stop now, and say what was confirmed. */
export async function stop(
  context: Context,
  { task, force, json }: { task?: string; force: boolean; json: boolean },
): Promise<number> {
  const session = await chooseSettled(context, task);
  if (!isAlive(context, session)) {
    tellNotRunning(context, session, json);
    return EXIT.done;
  }
  const begin = context.clock.monotonic();
  request(context, session, "stop");
  let gone = await workerGone(context, session, force ? FORCE_AFTER_MS : STOP_MS_MAX);
  const forced = !gone && force;
  if (forced) {
    await killWorker(context, session);
    gone = await workerGone(context, session, STOP_MS_MAX);
    if (gone) await endInItsPlace(context, session);
  }
  if (!gone) throw stillThere(session, context.clock.monotonic() - begin);
  withdraw(context, session);

  const ended = reread(context, session);
  if (ended.reason !== "user_stop" && isReplaced(context, session)) throw beganAgain(session);
  const confirmed: Confirmed = {
    ...await turnOf(context, session, ended),
    workerGone: gone,
    session: ended,
    tookMs: context.clock.monotonic() - begin,
    forced,
  };
  tellStopped(context, confirmed, json);
  return EXIT.done;
}

/** `ralph checkpoint [task]`: pause after this iteration. */
export async function checkpoint(
  context: Context,
  { task, json }: { task?: string; json: boolean },
): Promise<number> {
  const session = await chooseSettled(context, task);
  const asked = isAlive(context, session) && request(context, session, "checkpoint");
  // It may have ended before it could read that.
  if (asked === false || !isAlive(context, reread(context, session))) {
    withdraw(context, session);
    tellNotRunning(context, reread(context, session), json);
    return EXIT.notRunning;
  }
  const { out } = context.output;
  const name = plain(session.taskName, 80);
  if (asked === "stop") {
    throw new RalphError("conflict", `\`${name}\` is being stopped: it cannot pause any more`, [
      { text: "go on with it afterwards", command: `ralph run ${shellWord(session.taskName)}` },
    ]);
  }
  if (json) out.line(JSON.stringify({ session: session.id, task: session.taskName, asked: true }));
  else {
    out.line(`\`${name}\` will pause after iteration ${session.iterations}, unless that ends it.`);
    out.line(
      `Wait for that with \`ralph wait\`, go on with \`ralph run ${shellWord(session.taskName)}\`.`,
    );
  }
  return EXIT.done;
}

/** `ralph wait [task]`: until the session ends; the exit code says how. */
export async function wait(
  context: Context,
  { task, timeoutMs, json }: { task?: string; timeoutMs?: number; json: boolean },
): Promise<number> {
  const { clock, output } = context;
  const asked = chooseSession(context, task);
  const end = clock.monotonic() + (timeoutMs ?? Infinity);
  while (isAlive(context, asked) && clock.monotonic() < end) {
    await sleep(clock, WAIT_POLL_MS);
  }
  const session = reread(context, asked);
  const { id, taskName, status, reason, detail } = session;
  if (json) {
    output.out.line(JSON.stringify({ session: id, task: taskName, status, reason, detail }));
  } else if (status === "running") {
    output.out.line(
      `\`${plain(taskName, 80)}\` is still running, at iteration ${session.iterations}`,
    );
  } else {output.out.line(
      `${plain(taskName, 80)}: ${status}${detail ? `, ${plain(detail, 300)}` : ""}`,
    );}
  return exitCodeOfSession(session);
}

/** The run that a request is for, and where it is left. */
function mail(context: Context, session: Session) {
  const { id: sessionId, epoch, startedAt } = session;
  const { path } = signalPath(context, keyOf(session));
  return { path, to: { sessionId, epoch, startedAt } };
}

function request(context: Context, session: Session, what: Request): Request {
  const { path, to } = mail(context, session);
  return sendRequest(path, to, what);
}

/** Nobody is there any more to read what was asked. */
function withdraw(context: Context, session: Session): void {
  const { path, to } = mail(context, session);
  takeRequest(path, to);
}

/** Whether the worker of this run ends in time; the lock may have the next one's by then. */
async function workerGone(context: Context, session: Session, withinMs: number): Promise<boolean> {
  const { clock, output } = context;
  const begin = clock.monotonic();
  let told = false;
  let replacedLookMs = REPLACED_LOOK_MS;
  while (workerLives(lockPath(context, keyOf(session)))) {
    const waited = clock.monotonic() - begin;
    if (waited > withinMs) return false;
    if (waited > replacedLookMs) {
      if (isReplaced(context, session)) return true;
      replacedLookMs = waited + REPLACED_LOOK_MS;
    }
    if (waited > 2_000 && !told) {
      output.err.line("waiting for the worker …");
      told = true;
    }
    await sleep(clock, POLL_MS);
  }
  return true;
}

/** Whether a later run of the task is at work: it has the lock, so that this one's worker has not. */
function isReplaced(context: Context, session: Session): boolean {
  const running = runningSession(context, { dir: session.taskDir });
  return running !== undefined && (running.id !== session.id || running.epoch !== session.epoch);
}

/**
 * Ends the worker's process. Its row's pid is only believed where that process has the lock's file
 * open: a worker that died may have left its number to a stranger. Throws `RalphError` (`conflict`)
 * otherwise.
 */
async function killWorker(context: Context, session: Session): Promise<void> {
  const { workerPid } = session;
  const lock = lockPath(context, keyOf(session));
  if (workerPid === null || await hasOpen(workerPid, lock, context.clock) === false) {
    throw new RalphError(
      "conflict",
      `cannot end the worker of \`${plain(session.taskName, 80)}\` with force: process ` +
        `${workerPid ?? "unknown"}, which it was, does not hold its lock`,
      [{ text: "see which one does", command: `fuser -v ${shellWord(lock)}` }],
    );
  }
  try {
    Deno.kill(workerPid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * What the worker would have done: abort the turn, record, end. Whoever found the worker dead in
 * between has recorded that: then it stands.
 */
async function endInItsPlace(context: Context, session: Session): Promise<void> {
  const lock = await lockOf(context, session);
  const registry = openStore(context);
  try {
    const lease: Lease = { sessionId: session.id, epoch: session.epoch };
    await endAtOnce({ registry, client: clientOf(context, session), clock: context.clock }, lease, {
      outcome: "stopped",
      status: "stopped",
      reason: "user_stop",
      detail: "stopped by a person, with force",
    });
  } catch (error) {
    if (!(error instanceof LostSession)) throw error;
  } finally {
    registry.close();
    lock.release();
  }
}

/** What became of the turn that was going on, asked of the server and not of the worker. */
async function turnOf(
  context: Context,
  before: Session,
  after: Session,
): Promise<Pick<Confirmed, "turn" | "turnDetail">> {
  const id = after.openCodeSessionId;
  if (id === null || before.activity === "between iterations") return { turn: "none" };
  try {
    const busy = await clientOf(context, after).busy();
    if (!busy.has(id)) return { turn: "aborted" };
    return { turn: "not confirmed", turnDetail: `the server still lists ${plain(id, 60)} as busy` };
  } catch (error) {
    if (!(error instanceof OpenCodeError)) throw error;
    return { turn: "not confirmed", turnDetail: error.message };
  }
}

function clientOf(context: Context, session: Session) {
  const { serverUrl, projectRoot } = session;
  return clientAt(context, {
    url: serverUrl ?? DEFAULT_SERVER_URL,
    directory: projectRoot,
    requestTimeoutMs: CONFIRM_MS_MAX,
  });
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

function tellStopped(context: Context, confirmed: Confirmed, json: boolean): void {
  const { out } = context.output;
  const { session, turn, turnDetail, tookMs, forced } = confirmed;
  if (json) {
    out.line(JSON.stringify({
      session: session.id,
      task: session.taskName,
      status: session.status,
      reason: session.reason,
      turn,
      turnDetail: turnDetail ?? null,
      workerGone: confirmed.workerGone,
      forced,
      tookMs: Math.round(tookMs),
    }));
    return;
  }
  const turnText = { none: "none was going on", aborted: "aborted on the server" };
  const what = `\`${plain(session.taskName, 80)}\` (session ${session.id})`;
  out.line(
    session.reason === "user_stop"
      ? `stopped ${what} in ${duration(tookMs)}`
      : `${what} ended before it could be stopped: ${plain(session.detail ?? "unknown", 300)}`,
  );
  out.line(
    `  turn    ${turn === "not confirmed" ? `not confirmed: ${turnDetail}` : turnText[turn]}`,
  );
  out.line(`  worker  ${forced ? "killed, gone" : "gone"}`);
  out.line(`  status  ${session.status}, stored`);
}

function tellNotRunning(context: Context, session: Session, json: boolean): void {
  const { out } = context.output;
  const { id, taskName, status, reason } = session;
  if (json) {
    out.line(JSON.stringify({ session: id, task: taskName, status, reason, running: false }));
  } else {
    const ended = ago(Date.parse(session.endedAt ?? session.updatedAt), context.clock.now());
    out.line(`\`${plain(taskName, 80)}\` is not running (${status} ${ended})`);
  }
}

function stillThere(session: Session, waitedMs: number): RalphError {
  const name = plain(session.taskName, 80);
  return new RalphError(
    "failed",
    `the worker of \`${name}\` did not end within ${duration(waitedMs)} ` +
      `(it was: ${plain(session.activity ?? "unknown", 200)})`,
    [{ text: "end it with force", command: `ralph stop ${shellWord(session.taskName)} --force` }],
  );
}
