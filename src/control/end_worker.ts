/** Seeing a worker to its end, and doing its last work in its place. */
import type { Context } from "../app/context.ts";
import { clientOf } from "../app/server_client.ts";
import { lockPath, openUserStore } from "../app/store.ts";
import { sleep } from "../clock.ts";
import { RalphError } from "../error.ts";
import { holdsLock, type Lock, takeLock } from "../host/lock/lock.ts";
import { killCommandsOf } from "../host/process/bounded_process.ts";
import { isLiving, isSuspended } from "../host/process/proc.ts";
import { thisBoot } from "../host/system/boot.ts";
import { finishNow } from "../loop/session/finish_now.ts";
import type { Lease, Session } from "../store/model.ts";
import { duration } from "../terminal/format.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { isLocked, isReplaced, keyOf, stored } from "./liveness.ts";
import { isRequestTaken } from "./requests.ts";

const POLL_MS = 10;
/** Another `ralph run` may begin as soon as the worker is gone, and then holds the same lock. */
const REPLACED_LOOK_MS = 100;
/** A worker that reacts has ended by then, unless its server or its database does not answer. */
const SLOW_MS = 2_000;
const FORCE_AFTER_MS = 3_000;
/** Longer than a worker waits, without looking, for a database that another program has locked. */
const REACT_MS = 10_000;
/** From the request that was taken: an abort may take 30 s (`loop/turn/abort.ts`), records 10 s more. */
const END_MS = 40_000;
/** How long a process may take to die of SIGKILL. */
const DEATH_MS = 5_000;

/** How a worker came to its end. */
export type WorkerEnd = "gone" | "killed";

/**
 * Waits for the end of a worker that was asked to stop; with `force` one that does not end soon is
 * killed. `onSlow` is called once, after 2 s. Throws `RalphError` that says what the worker does when
 * it does not end.
 */
export async function awaitWorkerEnd(
  context: Context,
  session: Session,
  { force, onSlow }: { force: boolean; onSlow: () => void },
): Promise<WorkerEnd> {
  const { clock } = context;
  const begun = clock.monotonic();
  const patienceMs = () =>
    force ? FORCE_AFTER_MS : isRequestTaken(context, session) ? END_MS : REACT_MS;
  let isSlow = false;
  let replacedLookMs = REPLACED_LOOK_MS;
  while (isLocked(context, session)) {
    const waitedMs = clock.monotonic() - begun;
    if (waitedMs > replacedLookMs) {
      if (isReplaced(context, session)) return "gone";
      replacedLookMs = waitedMs + REPLACED_LOOK_MS;
    }
    if (waitedMs > patienceMs()) {
      if (!force) throw notEnding(context, session, waitedMs);
      await kill(context, session);
      return "killed";
    }
    if (!isSlow && waitedMs > SLOW_MS) {
      isSlow = true;
      if (session.workerPid !== null && await isSuspended(session.workerPid, clock)) {
        if (!force) throw suspended(session);
        await kill(context, session);
        return "killed";
      }
      onSlow();
    }
    await sleep(clock, POLL_MS);
  }
  return "gone";
}

/**
 * What a worker does last, for one that is gone without it: ends the turn, records that a person
 * stopped the session. Nothing where the session has ended, or goes on with another worker.
 */
export async function endInItsPlace(
  context: Context,
  session: Session,
  { killed }: { killed: boolean },
): Promise<void> {
  const isLeft = () => {
    const { status, epoch } = stored(context, session);
    return status === "running" && epoch === session.epoch;
  };
  if (!isLeft()) return;
  const lock = await lockWhile(context, session, isLeft);
  if (!lock) return;
  const store = openUserStore(context);
  try {
    if (session.workerPid !== null && await wasHere(session, context)) {
      await killCommandsOf(session.workerPid);
    }
    const lease: Lease = { sessionId: session.id, epoch: session.epoch };
    const client = await clientOf(context, session);
    await finishNow({ store, client, clock: context.clock }, lease, {
      outcome: "stopped",
      status: "stopped",
      reason: "user_stop",
      detail: killed
        ? "stopped by a person, with force"
        : "stopped by a person; its worker had died",
    });
  } finally {
    store.close();
    lock.release();
  }
}

/** Ends what the gates of a worker that was killed have left, unless its number is in use again. */
export async function endLeftCommands(
  context: Context,
  session: Session,
): Promise<void> {
  const { reason, workerPid: pid } = session;
  const { clock } = context;
  if (reason !== "worker_died" || pid === null || !await wasHere(session, context)) return;
  if (!await isLiving(pid, clock)) await killCommandsOf(pid);
}

/** Whether the worker was a process of this boot: of another machine, its number says nothing here. */
async function wasHere({ workerBoot }: Session, { clock }: Context): Promise<boolean> {
  const { id } = await thisBoot(clock);
  return workerBoot === null || id === undefined || workerBoot === id;
}

/** Another `ralph stop` may be doing the same: undefined once nothing is left to do. */
async function lockWhile(
  context: Context,
  session: Session,
  isLeft: () => boolean,
): Promise<Lock | undefined> {
  const { clock } = context;
  const end = clock.monotonic() + END_MS;
  do {
    const lock = await takeLock(lockPath(context, keyOf(session)), clock);
    if (!isLeft()) lock?.release();
    else if (lock) return lock;
  } while (isLeft() && clock.monotonic() < end);
  return undefined;
}

/**
 * Kills the session's worker, and resolves when it is gone. Throws `RalphError` when it is not sure
 * that the process on record is that worker, or it does not die.
 */
export async function kill(context: Context, session: Session): Promise<void> {
  const { clock } = context;
  const path = lockPath(context, keyOf(session));
  const { epoch, workerPid: pid } = stored(context, session);
  if (pid === null || epoch !== session.epoch || await holdsLock(path, { pid, clock }) === false) {
    if (!isLocked(context, session) || await isInItsPlace(context, session)) return;
    throw new RalphError(
      "conflict",
      `cannot end the worker of \`${plain(session.taskName, 80)}\` with force: process ` +
        `${pid ?? "unknown"}, which it was, does not hold its lock`,
      [{ text: "see which one does", command: `fuser -v ${shellWord(path)}` }],
    );
  }
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const begun = clock.monotonic();
  while (isLocked(context, session)) {
    if (clock.monotonic() - begun > DEATH_MS) {
      throw new RalphError("failed", `process ${pid} was killed, and is still there`, [
        { text: "see what it waits for", command: `ps -o pid,stat,wchan:32,args -p ${pid}` },
      ]);
    }
    await sleep(clock, POLL_MS);
  }
}

/** Whether another `ralph stop` has killed the worker, and now does its last work under its lock. */
async function isInItsPlace(context: Context, session: Session): Promise<boolean> {
  const { epoch, workerPid } = stored(context, session);
  return workerPid !== null && epoch === session.epoch && !await isLiving(workerPid, context.clock);
}

const force = ({ taskName }: Session) => ({
  text: "end it with force",
  command: `ralph stop ${shellWord(taskName)} --force`,
});

function suspended(session: Session): RalphError {
  return new RalphError(
    "failed",
    `the worker of \`${plain(session.taskName, 80)}\` does not react: its process ` +
      `${session.workerPid} is suspended. It will stop when it goes on`,
    [force(session), { text: "let it go on", command: `kill -CONT ${session.workerPid}` }],
  );
}

function notEnding(context: Context, session: Session, waitedMs: number): RalphError {
  const name = plain(session.taskName, 80);
  const did = plain(session.activity ?? "unknown", 200);
  const message = isRequestTaken(context, session)
    ? `the worker of \`${name}\` is stopping, and has not ended within ${duration(waitedMs)} ` +
      `(when it was asked: ${did})`
    : `the worker of \`${name}\` does not react: it has not read the request within ` +
      `${duration(waitedMs)} (it was: ${did}). It will stop when it reads it`;
  return new RalphError("failed", message, [force(session)]);
}
