import { readAsIs } from "../../control/liveness.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import type { Queue, QueuedTask } from "../../store/model.ts";
import type { ReadOnlyStore } from "../../store/store.ts";
import { findTask } from "../../task/find.ts";
import type { CommandContext } from "../command_context.ts";

interface Queued {
  queue: Queue;
  queued: QueuedTask;
}

/** The task that is named, where it is the open one of a queue; undefined if it is in none. */
export function chooseQueued(context: CommandContext, argument: string): Queued | undefined {
  const queues = readAsIs(context, (store) => store.lastQueues()) ?? [];
  const open = queues.filter(({ endedAt }) => endedAt === null).flatMap((queue) =>
    queue.tasks.filter(({ state }) => state === "waiting" || state === "running")
      .map((queued) => ({ queue, queued }))
  );
  if (open.length === 0) return undefined;
  const dir = folderOf(context, argument);
  if (dir !== undefined) return open.find(({ queued }) => queued.taskDir === dir);
  const named = open.filter(({ queued }) => queued.taskName === argument);
  return named.length === 1 ? named[0] : undefined;
}

/** The task that is named, where its project's last queue has ended without running it. */
export function chooseNotRun(context: CommandContext, argument: string): Queued | undefined {
  const dir = folderOf(context, argument);
  const found = readAsIs(
    context,
    (store) =>
      store.lastQueues().filter(({ endedAt }) => endedAt !== null).flatMap((queue) =>
        queue.tasks.filter((task) =>
          wasNotRun(store, task) &&
          (dir === undefined ? task.taskName === argument : task.taskDir === dir)
        ).map((queued) => ({ queue, queued }))
      ),
  );
  return found?.at(-1);
}

/** Whether a task that was queued came to no session, then or since. */
export function wasNotRun(store: ReadOnlyStore, { state, taskDir, queuedAt }: QueuedTask): boolean {
  if (state !== "failed" && state !== "skipped" && state !== "removed") return false;
  const last = store.lastSession(taskDir);
  return !last || last.startedAt < queuedAt;
}

/** Undefined for what is no task here. */
function folderOf(context: CommandContext, argument: string): string | undefined {
  try {
    return findTask(argument, { cwd: context.cwd(), tree: systemTree }).dir;
  } catch (error) {
    if (error instanceof RalphError) return undefined;
    throw error;
  }
}
