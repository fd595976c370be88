/** What a queue does next, decided from its rows. Pure: the whole policy is here. */
import type { Queue, QueuedTask } from "../store/model.ts";
import { plain } from "../terminal/plain.ts";
import { plural } from "../terminal/plural.ts";

export interface QueueFacts {
  queue: Pick<Queue, "tasks" | "failFast" | "maxCostUsd" | "maxTokens" | "parallel">;
  /** By all sessions of the queue so far. */
  spent: { costUsd: number; tokens: number };
  /** A session is at work in the project's own working tree, of whatever task. */
  homeTaken: boolean;
}

type QueueAction =
  | { kind: "start"; task: QueuedTask }
  | { kind: "skip"; task: QueuedTask; why: string }
  /** Something runs, in the queue or where the next task would. */
  | { kind: "wait" }
  | { kind: "end" };

/**
 * What can never run is skipped first, so that it is told at once; then the first task starts whose
 * dependencies are completed, and whose working tree nobody else works in. What a task depends on, and is
 * not in the queue, was completed before.
 */
export function nextOfQueue({ queue, spent, homeTaken }: QueueFacts): QueueAction {
  const { tasks } = queue;
  const waiting = tasks.filter(({ state }) => state === "waiting");
  const running = tasks.filter(({ state }) => state === "running");
  const [first] = waiting;
  if (!first) return { kind: running.length > 0 ? "wait" : "end" };
  const ended = endOfAll(queue, spent);
  if (ended !== undefined) return { kind: "skip", task: first, why: ended };
  for (const task of waiting) {
    const lost = dependencies(queue, task).find(isLost);
    if (!lost) continue;
    return {
      kind: "skip",
      task,
      why: `depends on ${shown(lost)}, which ${LOST[lost.state as keyof typeof LOST]}`,
    };
  }
  const ready = waiting.filter((task) => dependencies(queue, task).every(isDone));
  const isHomeTaken = homeTaken || running.some(({ worktree }) => !worktree);
  const free = ready.find(({ worktree }) => worktree || !isHomeTaken);
  if (free && running.length < queue.parallel) return { kind: "start", task: free };
  if (running.length > 0 || ready.length > 0) return { kind: "wait" };
  const [other] = dependencies(queue, first).filter((one) => !isDone(one));
  return { kind: "skip", task: first, why: `waits for ${shown(other)}, which waits for it` };
}

/** What runs, or is to run, where the task in `stopped` does not complete. */
export function goesOnWith(
  { tasks }: Pick<Queue, "tasks">,
  stopped: string,
): QueuedTask | undefined {
  const lost = new Set([stopped]);
  // What was added to a set while it is walked is walked as well.
  for (const dir of lost) {
    for (const { taskDir, dependsOn } of tasks) if (dependsOn.includes(dir)) lost.add(taskDir);
  }
  return tasks.find((task) => isOpen(task) && !lost.has(task.taskDir));
}

/**
 * What keeps a waiting task from being started: tasks that it depends on, or else the one before it, or
 * those of which one has to end.
 */
export function waitsFor(
  queue: Pick<Queue, "tasks" | "parallel">,
  task: QueuedTask,
): { why: "depends" | "after"; tasks: readonly QueuedTask[] } {
  const needed = dependencies(queue, task).filter((one) => !isDone(one));
  if (needed.length > 0) return { why: "depends", tasks: needed };
  const order = orderOf(queue);
  const before = order.slice(0, order.indexOf(task));
  const running = queue.tasks.filter(({ state }) => state === "running");
  const isRoom = before.length + running.length < queue.parallel;
  const isTreeFree = task.worktree || [...before, ...running].every(({ worktree }) => worktree);
  if (isRoom && isTreeFree) return { why: "after", tasks: [] };
  if (before.length > 0) return { why: "after", tasks: before.slice(-1) };
  if (running.length >= queue.parallel) return { why: "after", tasks: running };
  return { why: "after", tasks: running.filter((one) => !one.worktree && !task.worktree) };
}

/** What waits, in the order in which it starts where all complete. */
function orderOf(queue: Pick<Queue, "tasks">): readonly QueuedTask[] {
  const left = queue.tasks.filter(({ state }) => state === "waiting");
  const order: QueuedTask[] = [];
  for (;;) {
    const next = left.findIndex((task) =>
      dependencies(queue, task).every((one) =>
        isDone(one) || one.state === "running" || order.includes(one)
      )
    );
    if (next < 0) return [...order, ...left];
    order.push(...left.splice(next, 1));
  }
}

const LOST = {
  failed: "did not complete",
  skipped: "was not run",
  removed: "was taken out of the queue",
};

/** Why nothing more is started, in words. */
function endOfAll(
  { tasks, failFast, maxCostUsd, maxTokens }: QueueFacts["queue"],
  { costUsd, tokens }: QueueFacts["spent"],
): string | undefined {
  const failed = failFast
    ? tasks.find((task) => task.state === "failed" && latestOf(tasks, task.taskDir) === task)
    : undefined;
  if (failed) return `${shown(failed)} failed, and --fail-fast ends the others`;
  if (maxCostUsd !== null && costUsd >= maxCostUsd) {
    return `the queue's limit of $${maxCostUsd} was reached`;
  }
  if (maxTokens !== null && tokens >= maxTokens) {
    return `the queue's limit of ${plural(maxTokens, "token")} was reached`;
  }
  return undefined;
}

/** Of a task that was in the queue before, only the latest counts. */
const latestOf = (tasks: readonly QueuedTask[], dir: string) =>
  tasks.findLast(({ taskDir }) => taskDir === dir);

function dependencies(
  { tasks }: Pick<Queue, "tasks">,
  { dependsOn }: QueuedTask,
): readonly QueuedTask[] {
  return dependsOn.flatMap((dir) => latestOf(tasks, dir) ?? []);
}

export const isOpen = ({ state }: QueuedTask) => state === "waiting" || state === "running";
const isDone = ({ state }: QueuedTask) => state === "completed";
const isLost = ({ state }: QueuedTask) => Object.hasOwn(LOST, state);
const shown = ({ taskName }: QueuedTask) => `\`${plain(taskName, 80)}\``;
