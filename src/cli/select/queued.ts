import { readAsIs } from "../../control/liveness.ts";
import { homeOf, recordedWorktrees } from "../../control/worktree/find.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { sessionDirOf } from "../../queue/place.ts";
import type { Queue, QueuedTask } from "../../store/model.ts";
import type { ReadOnlyStore } from "../../store/store.ts";
import { findTask } from "../../task/find.ts";
import type { CommandContext } from "../command_context.ts";
import { tellOtherProject } from "./other_project.ts";

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
  if (dirs.length > 0) return open.find(({ queued }) => dirs.includes(queued.taskDir));
  const named = open.filter(({ queued }) => queued.taskName === argument);
  if (named.length !== 1) return undefined;
  const [{ queue: { projectRoot } }] = named;
  tellOtherProject(context, { taskName: argument, projectRoot });
  return named[0];
}

/** The task that is named, where its project's last queue has ended without running it. */
export function chooseNotRun(context: CommandContext, argument: string): Queued | undefined {
  const dirs = foldersOf(context, argument);
  const found = readAsIs(
    context,
    (store) =>
      store.lastQueues().filter(({ endedAt }) => endedAt !== null).flatMap((queue) =>
        queue.tasks.filter((task) =>
          wasNotRun(store, queue, task) &&
          (dirs.length === 0 ? task.taskName === argument : dirs.includes(task.taskDir))
        ).map((queued) => ({ queue, queued }))
      ),
  );
  return found?.at(-1);
}

/** Whether a task that was queued came to no session, then or since. */
export function wasNotRun(store: ReadOnlyStore, queue: Queue, queued: QueuedTask): boolean {
  const { state, queuedAt } = queued;
  if (state !== "failed" && state !== "skipped" && state !== "removed") return false;
  const dir = sessionDirOf(queue, queued, store.worktrees());
  const last = dir === undefined ? undefined : store.lastSession(dir);
  return !last || last.startedAt < queuedAt;
}

/** Where the task is, and where it is at home; none for what is no task here. */
function foldersOf(context: CommandContext, argument: string): readonly string[] {
  try {
    const task = findTask(argument, { cwd: context.cwd(), tree: systemTree });
    const trees = recordedWorktrees(context);
    return [task, ...task.copies ?? []].flatMap((
      { dir },
    ) => [dir, homeOf({ ...task, dir }, trees)]);
  } catch (error) {
    if (error instanceof RalphError) return [];
    throw error;
  }
}
