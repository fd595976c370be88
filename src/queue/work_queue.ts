/**
 * The process that works through a project's queue. Each task is a session of its own, which ends or
 * dies without this process as with it. What is about to be done is written down before, so that the
 * next process finds what became of it.
 */
import type { Context } from "../app/context.ts";
import { queueLockPath } from "../app/store.ts";
import { sleep } from "../clock.ts";
import { isLocked } from "../control/liveness.ts";
import { lockNote } from "../control/lock_note.ts";
import { takeLock } from "../host/lock/lock.ts";
import { once } from "../once.ts";
import { StoreError } from "../store/database.ts";
import type { Queue } from "../store/model.ts";
import type { Store } from "../store/store.ts";
import { spentBy } from "./begin.ts";
import { nextOfQueue } from "./decide.ts";
import { queueTasks, type StartQueued } from "./queue_tasks.ts";

/** Before what may pass is tried again, as where the database is locked. */
const RETRY_MS = 1_000;

interface QueueHost {
  openStore(): Store;
  start: StartQueued;
  /** Its abort ends the work, and lets what waits wait. */
  signal: AbortSignal;
  /** Called once it has the lock. */
  onBegin?: () => void;
}

/**
 * How it came to an end: nothing is open any more; a session was `paused`, or asked to end as at a
 * shutdown; `aborted`; or another process has the lock.
 */
type QueueEnd = "ended" | "paused" | "aborted" | "taken";

/** Works through the queue of the project at `root`. Throws `StoreError` for what does not pass. */
export async function workQueue(
  context: Context,
  root: string,
  host: QueueHost,
): Promise<QueueEnd> {
  const note = { pid: Deno.pid, task: "the queue", taskDir: root, projectRoot: root };
  for (;;) {
    const lock = await takeLock(queueLockPath(context, root), context.clock);
    if (!lock) return "taken";
    const release = once(() => lock.release());
    lock.note(lockNote({ ...note, since: context.clock.now() }));
    const store = host.openStore();
    try {
      host.onBegin?.();
      const end = await toEnd(context, { root, store, host });
      release();
      // Somebody may have added a task, and have found the lock taken.
      if (end !== "ended" || !isOpen(store.lastQueue(root))) return end;
    } finally {
      store.close();
      release();
    }
  }
}

const isOpen = (queue: Queue | undefined) => queue !== undefined && queue.endedAt === null;

async function toEnd(
  context: Context,
  { root, store, host }: { root: string; store: Store; host: QueueHost },
): Promise<Exclude<QueueEnd, "taken">> {
  const { clock } = context;
  const tasks = queueTasks(context, { store, start: host.start, signal: host.signal });
  try {
    while (!host.signal.aborted) {
      try {
        store.requireSame();
        const queue = store.lastQueue(root);
        if (!queue || !isOpen(queue)) return "ended";
        const look = tasks.settle(queue);
        if (look === "paused") return "paused";
        if (look === "changed") continue;
        const now = tasks.withBegun(queue);
        const action = look === "held"
          ? { kind: "wait" } as const
          : nextOfQueue({ queue: now, ...factsOf(context, store, queue) });
        if (action.kind === "end") store.closeQueue(queue.id);
        else if (action.kind === "skip") tasks.skip(action.task, action.why);
        else if (action.kind === "start") tasks.begin(queue, action.task);
        else await tasks.rest();
      } catch (error) {
        if (!(error instanceof StoreError) || !error.passing) throw error;
        await sleep(clock, RETRY_MS, host.signal);
      }
    }
    return "aborted";
  } finally {
    await tasks.begunAll();
  }
}

function factsOf(context: Context, store: Store, { projectRoot, tasks }: Queue) {
  const atHome = store.running().filter((session) => session.projectRoot === projectRoot);
  return {
    spent: spentBy(store, tasks),
    homeTaken: atHome.some((session) => isLocked(context, session)),
  };
}
