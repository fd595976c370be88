import { readAsIs } from "../../control/liveness.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import type { Queue, QueuedTask } from "../../store/model.ts";
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
  const dirs = foldersOf(context, argument);
  if (dirs) return open.find(({ queued }) => dirs.includes(queued.taskDir));
  const named = open.filter(({ queued }) => queued.taskName === argument);
  return named.length === 1 ? named[0] : undefined;
}

/** Undefined for what is no task here. */
function foldersOf(context: CommandContext, argument: string): readonly string[] | undefined {
  try {
    const task = findTask(argument, { cwd: context.cwd(), tree: systemTree });
    return [task, ...task.copies ?? []].map(({ dir }) => dir);
  } catch (error) {
    if (error instanceof RalphError) return undefined;
    throw error;
  }
}
