/** `ralph stop`, `ralph checkpoint` and `ralph wait`: what a person asks of a worker. */
import { sleep } from "../clock.ts";
import { RalphError } from "../error.ts";
import { workerLives } from "../host/lock.ts";
import { sendRequest } from "../host/signal_files.ts";
import { abortTurn } from "../loop/abort.ts";
import { OpenCodeError } from "../opencode/error.ts";
import type { Lease, Session } from "../registry/model.ts";
import { DEFAULT_SERVER_URL } from "../settings/server_url.ts";
import { age, duration } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { clientAt } from "./client.ts";
import type { Context } from "./context.ts";
import { EXIT, exitCodeOfSession } from "./exit_codes.ts";
import { chooseSession, isAlive, keyOf, lockOf, reread } from "./sessions.ts";
import { lockPath, openStore, signalPath } from "./store.ts";

const POLL_MS = 10;
const WAIT_POLL_MS = 100;
/** The worker itself gives an abort that the server does not confirm 15 s (`loop/abort.ts`). */
const STOP_MS_MAX = 25_000;
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
  const session = chooseSession(context, task);
  if (!isAlive(context, session)) {
    tellNotRunning(context, session, json);
    return EXIT.done;
  }
  const begin = context.clock.monotonic();
  request(context, session, "stop");
  let gone = await workerGone(context, session, force ? FORCE_AFTER_MS : STOP_MS_MAX);
  const forced = !gone && force;
  if (forced) {
    killWorker(session);
    gone = await workerGone(context, session, STOP_MS_MAX);
    if (gone) await endInItsPlace(context, session);
  }
  if (!gone) throw stillThere(session, context.clock.monotonic() - begin);

  const ended = reread(context, session);
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
export function checkpoint(
  context: Context,
  { task, json }: { task?: string; json: boolean },
): number {
  const session = chooseSession(context, task);
  if (!isAlive(context, session)) {
    tellNotRunning(context, session, json);
    return EXIT.notRunning;
  }
  request(context, session, "checkpoint");
  const { out } = context.output;
  const name = plain(session.taskName, 80);
  if (json) out.line(JSON.stringify({ session: session.id, task: session.taskName, asked: true }));
  else {
    out.line(`\`${name}\` will pause after iteration ${session.iterations}.`);
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

function request(context: Context, session: Session, what: "stop" | "checkpoint"): void {
  const { id: sessionId, epoch, startedAt } = session;
  sendRequest(signalPath(context, keyOf(session)).path, { sessionId, epoch, startedAt }, what);
}

async function workerGone(context: Context, session: Session, withinMs: number): Promise<boolean> {
  const { clock, output } = context;
  const begin = clock.monotonic();
  let told = false;
  while (workerLives(lockPath(context, keyOf(session)))) {
    const waited = clock.monotonic() - begin;
    if (waited > withinMs) return false;
    if (waited > 2_000 && !told) {
      output.err.line("waiting for the worker …");
      told = true;
    }
    await sleep(clock, POLL_MS);
  }
  return true;
}

/**
 * Ends the worker's process. Its pid is certain: the lock is held, and who holds it has written its
 * own pid into the session's row.
 */
function killWorker(session: Session): void {
  if (session.workerPid === null) return;
  try {
    Deno.kill(session.workerPid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** What the worker would have done: abort the turn, record, end. */
async function endInItsPlace(context: Context, session: Session): Promise<void> {
  const lock = await lockOf(context, session);
  const registry = openStore(context);
  try {
    const lease: Lease = { sessionId: session.id, epoch: session.epoch };
    const open = registry.iterations(session.id).find(({ outcome }) => outcome === null);
    if (open?.openCodeSessionId) {
      const client = clientOf(context, session);
      await abortTurn({ client, clock: context.clock, sessionId: open.openCodeSessionId });
    }
    const detail = "stopped by a person, with force";
    if (open) {
      registry.endIteration(lease, {
        number: open.number,
        outcome: "stopped",
        detail,
        storiesPassed: [],
        answers: [],
      });
    }
    registry.endSession(lease, { status: "stopped", reason: "user_stop", detail });
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
  out.line(
    `stopped \`${plain(session.taskName, 80)}\` (session ${session.id}) in ${duration(tookMs)}`,
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
    const ended = age(Date.parse(session.endedAt ?? session.updatedAt), context.clock.now());
    out.line(`\`${plain(taskName, 80)}\` is not running (${status} ${ended} ago)`);
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
