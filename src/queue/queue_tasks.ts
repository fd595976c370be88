/** What is done about the tasks of a queue, and what became of those that were begun. */
import type { Context } from "../app/context.ts";
import { lockPath, treeLockPath } from "../app/store.ts";
import { sleep } from "../clock.ts";
import { isLocked, markIfDead } from "../control/liveness.ts";
import { EndedBefore, NotInTree, StoppedBefore } from "../control/protocol.ts";
import { RalphError } from "../error.ts";
import { taskKey } from "../host/files/paths.ts";
import { workerLives } from "../host/lock/lock.ts";
import { whyResumable } from "../loop/session/resumable.ts";
import { StoreError } from "../store/database.ts";
import type { Queue, QueuedTask, Session } from "../store/model.ts";
import type { ReadOnlyStore, Store } from "../store/store.ts";
import { plain } from "../terminal/plain.ts";
import { type QueueStart, startOf } from "./begin.ts";
import { sessionDirOf, sessionOf, treeOf } from "./place.ts";

/** How often a session whose worker died goes on unasked: what killed it may do so again. */
const REVIVALS_MAX = 2;
/** Between two looks at what runs. */
const LOOK_MS = 500;

/** Starts a task's session. Resolves when it has begun, or later. Throws `RalphError` when it cannot. */
export type StartQueued = (start: QueueStart, queued: QueuedTask) => Promise<void>;

/**
 * `changed`: the rows are to be read again; `paused`: a session was, or was asked to end as at a shutdown,
 * and none is at work; `held`: the same while others are.
 */
type Look = "waits" | "changed" | "held" | "paused";

/** What this process has seen of a task. */
interface Seen {
  /** Its session was at work. */
  atWork: boolean;
  /** A person has paused it, or it was asked to end. */
  paused: boolean;
  revivals: number;
}

/** What they all work with. */
interface Hands {
  context: Context;
  store: Store;
  start: StartQueued;
  signal: AbortSignal;
  seen(queued: QueuedTask): Seen;
  /** Those that are being started by this process, each for as long as that takes. */
  begun: Map<number, Promise<void>>;
  /** Why one could not be started for a reason that is not its own. */
  failures: unknown[];
}

/** `start`: what it says of the session is not taken; the store has that. */
export function queueTasks(
  context: Context,
  { store, start, signal }: { store: Store; start: StartQueued; signal: AbortSignal },
) {
  const all = new Map<number, Seen>();
  const hands: Hands = {
    context,
    store,
    start,
    signal,
    seen({ id }) {
      const known = all.get(id) ?? { atWork: false, paused: false, revivals: 0 };
      all.set(id, known);
      return known;
    },
    begun: new Map(),
    failures: [],
  };
  return {
    /** The rows, with those that are being started as what they are about to be. */
    withBegun: (queue: Queue): Queue => ({
      ...queue,
      tasks: queue.tasks.map((task) =>
        task.state === "waiting" && hands.begun.has(task.id) ? { ...task, state: "running" } : task
      ),
    }),
    begin: (queue: Queue, queued: QueuedTask) => begin(hands, queue, queued),
    skip: (queued: QueuedTask, why: string) => end(hands, queued, "skipped", why),
    settle: (queue: Queue) => settleAll(hands, queue),
    /** Resolves after some time, or once one of those that are being started has begun. */
    async rest(): Promise<void> {
      await Promise.race([sleep(context.clock, LOOK_MS, signal), ...hands.begun.values()]);
    },
    /** Resolves once all that are being started have begun. Throws what kept one from it, as `settle`. */
    async begunAll(): Promise<void> {
      await Promise.all(hands.begun.values());
      const bug = hands.failures.find((error) => !(error instanceof StoreError));
      if (bug) throw bug;
    },
  };
}

/** Throws what kept one from being started that is no fault of its own. */
function settleAll(hands: Hands, queue: Queue): Look {
  if (hands.failures.length > 0) throw hands.failures.shift();
  const looks: Look[] = [adopt(hands, queue) ? "changed" : "waits"];
  let paused = false;
  let atWork = false;
  for (const queued of queue.tasks.filter(({ state }) => state === "running")) {
    if (!hands.begun.has(queued.id)) looks.push(settle(hands, queue, queued));
    if (hands.seen(queued).paused) paused = true;
    else atWork = true;
  }
  if (paused) return atWork ? "held" : "paused";
  return looks.includes("changed") ? "changed" : "waits";
}

function end(
  { store }: Hands,
  { id }: QueuedTask,
  state: "completed" | "failed" | "skipped",
  why: string,
): Look {
  store.endQueued(id, { from: ["waiting", "running"], state, why: plain(why, 400) });
  return "changed";
}

/** A session that a person has started of a task that waits is its own. */
function adopt({ context, store }: Hands, queue: Queue): boolean {
  const waiting = queue.tasks.filter(({ state }) => state === "waiting");
  const trees = store.worktrees();
  return store.running().filter((session) => {
    const queued = waiting.find((one) => sessionDirOf(queue, one, trees) === session.taskDir);
    if (!queued || !isLocked(context, session)) return false;
    return store.beginQueued(queued.id, { session: session.id, epoch: session.epoch - 1 });
  }).length > 0;
}

/** Begins to start its session, or to go on with it. */
function begin(hands: Hands, queue: Queue, queued: QueuedTask): Look {
  const { begun, failures } = hands;
  begun.set(
    queued.id,
    tryToBegin(hands, queue, queued).catch((error) => void failures.push(error))
      .finally(() => begun.delete(queued.id)),
  );
  return "waits";
}

async function tryToBegin(hands: Hands, queue: Queue, queued: QueuedTask): Promise<void> {
  const { context, store, start, seen, signal } = hands;
  const known = seen(queued);
  let { before } = queued;
  try {
    const found = await startOf(context, { queue, queued, store });
    if ("done" in found) return void end(hands, queued, "completed", found.done);
    if (queued.state === "waiting") {
      before = lastBefore(store, queue, queued);
      if (!store.beginQueued(queued.id, before)) return;
    }
    await start(found, queued);
    known.atWork = true;
  } catch (error) {
    if (!(error instanceof RalphError) || error instanceof StoreError) throw error;
    // Whoever was faster has it for as long as its own limits allow.
    if (error.kind === "conflict" && isTaken(hands, queue, queued)) {
      return await sleep(context.clock, LOOK_MS, signal);
    }
    if (error instanceof StoppedBefore) return void (known.paused = true);
    if (error instanceof NotInTree) return void end(hands, queued, "skipped", error.message);
    if (error instanceof EndedBefore && known.revivals++ < REVIVALS_MAX) return;
    known.atWork = true;
    // One that has begun all the same is looked at like any other.
    const session = sessionOf(store, queue, { ...queued, before });
    if (session?.status !== "running") end(hands, queued, "failed", error.message);
  }
}

/** The latest session that is not the one about to be started. */
function lastBefore(store: ReadOnlyStore, queue: Queue, queued: QueuedTask): QueuedTask["before"] {
  const dir = sessionDirOf(queue, queued, store.worktrees());
  // A worktree that is yet to be made may be where another one was: what is there is older than any.
  const last = dir === undefined ? store.sessions({ limit: 1 }).at(0) : store.lastSession(dir);
  return { session: last?.id ?? 0, epoch: last?.epoch ?? 0 };
}

/** By another worker, or by whoever is making its worktree. */
function isTaken(hands: Hands, queue: Queue, queued: QueuedTask): boolean {
  const { context, store } = hands;
  const root = queued.worktree ? treeOf(queue, queued, store.worktrees())?.root : queue.projectRoot;
  return workerLives(lockOf(context, queued)) || hasWorker(hands, queue, queued) ||
    root !== undefined && workerLives(treeLockPath(context, root));
}

const lockOf = (
  context: Context,
  { taskName: name, taskDir: dir }: Pick<QueuedTask, "taskName" | "taskDir">,
) => lockPath(context, taskKey({ name, dir }));

/** Where its sessions are. */
function hasWorker({ context, store }: Hands, queue: Queue, queued: QueuedTask): boolean {
  const taskDir = sessionDirOf(queue, queued, store.worktrees());
  return taskDir !== undefined && workerLives(lockOf(context, { ...queued, taskDir }));
}

/** Of a task that was begun. */
function settle(hands: Hands, queue: Queue, queued: QueuedTask): Look {
  const { context, store, seen } = hands;
  const known = seen(queued);
  if (known.paused) return "waits";
  let session = sessionOf(store, queue, queued);
  if (!session) {
    return hasWorker(hands, queue, queued) ? "waits" : begin(hands, queue, queued);
  }
  if (queued.sessionId === null) store.bindQueued(queued.id, session.id);
  if (isLocked(context, session)) {
    known.atWork = true;
    return "waits";
  }
  if (session.status === "running") {
    markIfDead(context, session);
    session = store.session(session.id) ?? session;
  }
  return session.status === "running" ? "waits" : settleEnded(hands, { queue, queued, session });
}

function settleEnded(
  hands: Hands,
  { queue, queued, session }: { queue: Queue; queued: QueuedTask; session: Session },
): Look {
  const known = hands.seen(queued);
  if (session.status !== "completed" && whyResumable(session)) {
    if (known.atWork && session.reason !== "worker_died") {
      known.paused = true;
      return "waits";
    }
    if (!known.atWork || known.revivals++ < REVIVALS_MAX) return begin(hands, queue, queued);
  }
  const state = session.status === "completed" ? "completed" : "failed";
  return end(hands, queued, state, session.detail ?? session.status);
}
