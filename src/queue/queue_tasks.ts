/** What is done about the tasks of a queue, and what became of those that were begun. */
import type { Context } from "../app/context.ts";
import { lockPath, treeLockPath } from "../app/store.ts";
import { isLocked, markIfDead } from "../control/liveness.ts";
import { RalphError } from "../error.ts";
import { taskKey } from "../host/files/paths.ts";
import { workerLives } from "../host/lock/lock.ts";
import { whyResumable } from "../loop/session/resumable.ts";
import { StoreError } from "../store/database.ts";
import type { Queue, QueuedTask, Session } from "../store/model.ts";
import type { Store } from "../store/store.ts";
import { plain } from "../terminal/plain.ts";
import { type QueueStart, startOf } from "./begin.ts";
import { queuedSession } from "./queued_session.ts";

/** How often a session whose worker died goes on unasked: what killed it may do so again. */
const REVIVALS_MAX = 2;

/** Starts a task's session. Resolves when it has begun, or later. Throws `RalphError` when it cannot. */
export type StartQueued = (start: QueueStart, queued: QueuedTask) => Promise<void>;

/** `changed`: the rows are to be read again. */
type Look = "waits" | "changed" | "paused";

/** What this process has seen of a task. */
interface Seen {
  /** Its session was at work. */
  atWork: boolean;
  revivals: number;
}

/** What they all work with. */
interface Hands {
  context: Context;
  store: Store;
  start: StartQueued;
  seen(queued: QueuedTask): Seen;
}

/** `start`: what it says of the session is not taken; the store has that. */
export function queueTasks(
  context: Context,
  { store, start }: { store: Store; start: StartQueued },
) {
  const all = new Map<number, Seen>();
  const hands: Hands = {
    context,
    store,
    start,
    seen({ id }) {
      const known = all.get(id) ?? { atWork: false, revivals: 0 };
      all.set(id, known);
      return known;
    },
  };
  return {
    begin: (queue: Queue, queued: QueuedTask) => begin(hands, queue, queued),
    skip: (queued: QueuedTask, why: string) => end(hands, queued, "skipped", why),
    async settle(queue: Queue): Promise<Look> {
      let look: Look = adopt(hands, queue) ? "changed" : "waits";
      for (const queued of queue.tasks.filter(({ state }) => state === "running")) {
        const one = await settle(hands, queue, queued);
        if (one === "paused") return one;
        if (one === "changed") look = one;
      }
      return look;
    },
  };
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
function adopt({ context, store }: Hands, { tasks }: Queue): boolean {
  const waiting = tasks.filter(({ state }) => state === "waiting");
  return store.running().filter((session) => {
    const queued = waiting.find(({ taskDir }) => taskDir === session.taskDir);
    if (!queued || !isLocked(context, session)) return false;
    return store.beginQueued(queued.id, { session: session.id, epoch: session.epoch - 1 });
  }).length > 0;
}

/** Starts its session, or goes on with it. `waits`: not now. */
async function begin(hands: Hands, queue: Queue, queued: QueuedTask): Promise<Look> {
  const { context, store, start, seen } = hands;
  const others = store.running().filter(({ taskDir }) => taskDir !== queued.taskDir);
  if (others.some(({ projectRoot }) => projectRoot === queue.projectRoot)) return "waits";
  let { before } = queued;
  try {
    const found = await startOf(context, { queue, queued, store });
    if ("done" in found) return end(hands, queued, "completed", found.done);
    if (queued.state === "waiting") {
      const last = store.lastSession(queued.taskDir);
      before = { session: last?.id ?? 0, epoch: last?.epoch ?? 0 };
      if (!store.beginQueued(queued.id, before)) return "changed";
    }
    await start(found, queued);
    seen(queued).atWork = true;
  } catch (error) {
    if (!(error instanceof RalphError) || error instanceof StoreError) throw error;
    // Whoever was faster has it for as long as its own limits allow.
    if (error.kind === "conflict" && isTaken(context, queue, queued)) return "waits";
    seen(queued).atWork = true;
    // One that has begun all the same is looked at like any other.
    const session = queuedSession(store, { ...queued, before });
    if (session?.status !== "running") return end(hands, queued, "failed", error.message);
  }
  return "changed";
}

const lockOf = (context: Context, { taskName: name, taskDir: dir }: QueuedTask) =>
  lockPath(context, taskKey({ name, dir }));

const isTaken = (context: Context, { projectRoot }: Queue, queued: QueuedTask) =>
  [lockOf(context, queued), treeLockPath(context, projectRoot)].some((lock) => workerLives(lock));

/** Of a task that was begun. */
async function settle(hands: Hands, queue: Queue, queued: QueuedTask): Promise<Look> {
  const { context, store, seen } = hands;
  let session = queuedSession(store, queued);
  if (!session) {
    return workerLives(lockOf(context, queued)) ? "waits" : await begin(hands, queue, queued);
  }
  if (queued.sessionId === null) store.bindQueued(queued.id, session.id);
  if (isLocked(context, session)) {
    seen(queued).atWork = true;
    return "waits";
  }
  if (session.status === "running") {
    markIfDead(context, session);
    session = store.session(session.id) ?? session;
  }
  return session.status === "running"
    ? "waits"
    : await settleEnded(hands, { queue, queued, session });
}

async function settleEnded(
  hands: Hands,
  { queue, queued, session }: { queue: Queue; queued: QueuedTask; session: Session },
): Promise<Look> {
  const known = hands.seen(queued);
  if (session.status !== "completed" && whyResumable(session)) {
    if (known.atWork && session.reason !== "worker_died") return "paused";
    if (!known.atWork || known.revivals++ < REVIVALS_MAX) return await begin(hands, queue, queued);
  }
  const state = session.status === "completed" ? "completed" : "failed";
  return end(hands, queued, state, session.detail ?? session.status);
}
