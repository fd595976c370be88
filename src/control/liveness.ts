/** What is true of a session now: a running one whose worker is dead has failed. */
import type { Context } from "../app/context.ts";
import { lockPath, openUserStore, openUserStoreReadOnly } from "../app/store.ts";
import { sleep } from "../clock.ts";
import { taskKey } from "../host/files/paths.ts";
import { LockError, touchedAt, workerLives } from "../host/lock/lock.ts";
import { StoreError } from "../store/database.ts";
import type { Session } from "../store/model.ts";
import type { ReadOnlyStore } from "../store/store.ts";
import { plain } from "../terminal/plain.ts";

/** What is read may be shown without it. */
const MARK_MS = 1_000;
const WAIT_POLL_MS = 100;

/** The key that the task of this session has in the folders of locks, signals and logs. */
export function keyOf(session: Session): string {
  return taskKey({ name: session.taskName, dir: session.taskDir });
}

/** Whether a process holds the lock of the session's task. */
export function isLocked(context: Context, session: Session): boolean {
  return workerLives(lockPath(context, keyOf(session)));
}

/** Whether the session's worker lives. */
export function isAlive(context: Context, session: Session): boolean {
  return session.status === "running" && isLocked(context, session);
}

/** The session that a task's worker is at work on; undefined when it has none on record. */
export function runningSession(context: Context, { dir }: { dir: string }): Session | undefined {
  const last = readSessions(context, {
    read: (store) => store.lastSession(dir),
    whenEmpty: undefined,
  });
  return last?.status === "running" ? last : undefined;
}

/**
 * Reads from the store, with every session true: a running one whose worker is dead is first marked
 * as failed. The database is opened for writing only for that; where that cannot be done, it is only
 * shown so, with a warning. `whenEmpty`: what is read where nothing was ever recorded.
 */
export function readSessions<T>(
  context: Context,
  { read, whenEmpty }: { read: (store: ReadOnlyStore) => T; whenEmpty: T },
): T {
  const store = openUserStoreReadOnly(context);
  if (!store) return whenEmpty;
  try {
    markDead(context, store);
    return read(store);
  } finally {
    store.close();
  }
}

function markDead(context: Context, store: ReadOnlyStore): void {
  let refusal: StoreError | undefined;
  for (const session of store.running()) {
    const name = plain(session.taskName, 80);
    try {
      // Whatever refused the one before would refuse this one, too, after the same time.
      if (!refusal) markIfDead(context, session);
      if (!refusal || isAlive(context, session)) continue;
    } catch (error) {
      if (error instanceof LockError) {
        context.warn(`cannot tell whether the worker of \`${name}\` lives: ${error.message}`);
        continue;
      }
      if (!(error instanceof StoreError) || !error.passing) throw error;
      refusal = error;
      context.warn(`cannot record that the worker of \`${name}\` is gone: ${error.message}`);
    }
    store.showAsDied(session.id, "the worker ended without a word; that is not recorded yet");
  }
}

/** Marks a running session as failed if its worker is dead. */
export function markIfDead(context: Context, session: Session): void {
  const lock = lockPath(context, keyOf(session));
  workerLives(lock, () => {
    const seenAt = touchedAt(lock);
    const store = openUserStore(context, { timeoutMs: MARK_MS, letsRowsBe: true });
    try {
      store.markWorkerDied(session, "the worker ended without a word", { seenAt });
    } finally {
      store.close();
    }
  });
}

/** The session as it is now. */
export function reread(context: Context, session: Session): Session {
  const read = (store: ReadOnlyStore) => store.session(session.id);
  return readSessions(context, { read, whenEmpty: undefined }) ?? session;
}

/** Reads from the store without marking any session. Undefined where nothing was ever recorded. */
export function readAsIs<T>(context: Context, read: (store: ReadOnlyStore) => T): T | undefined {
  const store = openUserStoreReadOnly(context);
  try {
    return store && read(store);
  } finally {
    store?.close();
  }
}

/** The session's row as it is; unlike `reread` it marks no dead worker's session. */
export function stored(context: Context, session: Session): Session {
  return readAsIs(context, (store) => store.session(session.id)) ?? session;
}

/** Whether a later run of the task is at work: it has the lock, so that this one's worker has not. */
export function isReplaced(context: Context, session: Session): boolean {
  const last = readAsIs(context, (store) => store.lastSession(session.taskDir));
  return last?.status === "running" &&
    (last.id !== session.id || last.epoch !== session.epoch);
}

/** The session once its worker has ended, or as it is after `timeoutMs`. `whileAlive`: at each look. */
export async function awaitEnd(
  context: Context,
  session: Session,
  { timeoutMs = Infinity, whileAlive = () => {} }: {
    timeoutMs?: number;
    whileAlive?: (session: Session) => void | Promise<void>;
  },
): Promise<Session> {
  const { clock } = context;
  const end = clock.monotonic() + timeoutMs;
  while (isAlive(context, session) && clock.monotonic() < end) {
    await whileAlive(session);
    await sleep(clock, WAIT_POLL_MS);
  }
  return reread(context, session);
}
