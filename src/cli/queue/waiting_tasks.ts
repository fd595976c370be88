import { readAsIs } from "../../control/liveness.ts";
import type { Context } from "../../app/context.ts";
import { treeOf } from "../../queue/place.ts";
import { queuedWords } from "./words.ts";

interface WaitingTask {
  taskDir: string;
  name: string;
  projectRoot: string;
  /** What it waits for; safe to show. */
  words: string;
}

/** The tasks that wait in queues, by their folders: where they are worked on. */
export function waitingTasks(context: Context): ReadonlyMap<string, WaitingTask> {
  const { queues, trees } = readAsIs(
    context,
    (store) => ({ queues: store.lastQueues(), trees: store.worktrees() }),
  ) ?? { queues: [], trees: [] };
  return new Map(
    queues.filter(({ endedAt }) => endedAt === null).flatMap((queue) =>
      queue.tasks.filter(({ state }) => state === "waiting").map((task) => {
        const { taskName: name } = task;
        const tree = treeOf(queue, task, trees);
        const { taskDir } = tree ?? task;
        const projectRoot = tree?.root ?? queue.projectRoot;
        return [taskDir, { taskDir, name, projectRoot, words: queuedWords(queue, task) }];
      })
    ),
  );
}
