/** What `ralph stop` does about queued tasks. */
import { openUserStore } from "../../app/store.ts";
import { sleep } from "../../clock.ts";
import { isAlive, readAsIs } from "../../control/liveness.ts";
import { homeOf, homeRootOf, recordedWorktrees } from "../../control/worktree/find.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { goesOnWith } from "../../queue/decide.ts";
import { sessionDirOf } from "../../queue/place.ts";
import { queueIsWorked } from "../../queue/start_queue.ts";
import type { Queue, QueuedTask, Session } from "../../store/model.ts";
import { findProjectRoot } from "../../task/find.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext } from "../command_context.ts";
import { chooseQueued } from "../select/queued.ts";
import { chooseStarting } from "../select/starting.ts";
import { takeOutAll } from "./queue_here.ts";

/** A task may be between its row and its session for so long: its worker looks at the tree first. */
const BEGIN_MS_MAX = 10_000;
const LOOK_MS = 20;

interface OutOfQueue {
  tasks: readonly QueuedTask[];
  /** The folders of those that were begun: their sessions are to be stopped. */
  begun: readonly string[];
}

/**
 * Takes the task that is named out of its queue, if it waits; with `all` and without a task all of this
 * project's. Undefined when nothing of that waited or ran.
 */
export async function stopQueued(
  context: CommandContext,
  { task, all }: { task?: string; all: boolean },
): Promise<OutOfQueue | undefined> {
  if (task !== undefined) {
    const found = chooseQueued(context, task);
    if (found?.queued.state !== "waiting") return undefined;
    return takeOut(context, found.queued) ? { tasks: [found.queued], begun: [] } : undefined;
  }
  const root = all ? findProjectRoot(context.cwd(), systemTree) : undefined;
  const queue = root === undefined ? undefined : openQueue(context, root);
  if (!queue) return undefined;
  const tasks = takeOutAll(context, queue.projectRoot);
  const running = tasks.filter(({ state }) => state === "running");
  return { tasks, begun: await Promise.all(running.map((one) => begun(context, queue, one))) };
}

/** Of the project, or of the one that the worktree at `root` was made from. */
function openQueue(context: CommandContext, root: string): Queue | undefined {
  const home = homeRootOf(context, root) ?? root;
  return readAsIs(
    context,
    (store) =>
      [root, home].map((one) => store.lastQueue(one)).find((queue) => queue?.endedAt === null),
  );
}

function takeOut(context: CommandContext, { id }: QueuedTask): boolean {
  const store = openUserStore(context, { letsRowsBe: true });
  try {
    const why = "taken out by a person";
    return store.endQueued(id, { from: ["waiting"], state: "removed", why });
  } finally {
    store.close();
  }
}

/**
 * The folder of its session, once that is there to be stopped, or the queue's process is gone without
 * one.
 */
async function begun(
  context: CommandContext,
  queue: Queue,
  running: QueuedTask,
): Promise<string> {
  const { clock } = context;
  const end = clock.monotonic() + BEGIN_MS_MAX;
  const dir = () => sessionDirOf(queue, running, recordedWorktrees(context)) ?? running.taskDir;
  while (queueIsWorked(context, queue.projectRoot) && clock.monotonic() < end) {
    const session = readAsIs(context, (store) => store.lastSession(dir()));
    if (session && isAlive(context, session)) break;
    if (chooseStarting(context, dir())) break;
    await sleep(clock, LOOK_MS);
  }
  return dir();
}

/** One that is stopped before its session has begun is not begun again. */
export function endBegun(context: CommandContext, task: string): void {
  const found = chooseQueued(context, task);
  if (found?.queued.state !== "running") return;
  const store = openUserStore(context, { letsRowsBe: true });
  try {
    store.endQueued(found.queued.id, {
      from: ["running"],
      state: "failed",
      why: "stopped by a person",
    });
  } finally {
    store.close();
  }
}

/** Tells what waits no more. */
export function tellOutOfQueue(
  { output: { out } }: CommandContext,
  { tasks }: OutOfQueue,
  json: boolean,
): void {
  if (json) {
    const removed = tasks.map(({ taskName, taskDir }) => ({ task: taskName, taskDir }));
    out.line(commandJson({ was: "queued", removed }));
    return;
  }
  const waiting = tasks.filter(({ state }) => state === "waiting");
  if (waiting.length === 0) return;
  const names = waiting.map(({ taskName }) => `\`${plain(taskName, 80)}\``).join(", ");
  out.line(`taken out of the queue: ${names}`);
}

/** What a person has to know who stops one task of several. */
export function tellQueueGoesOn(
  context: CommandContext,
  { projectRoot, taskDir }: Pick<Session, "projectRoot" | "taskDir">,
): void {
  const queue = openQueue(context, projectRoot);
  const home = homeOf({ dir: taskDir, projectRoot }, recordedWorktrees(context));
  const next = queue && goesOnWith(queue, home);
  if (!next || !queueIsWorked(context, queue.projectRoot)) return;
  context.output.err.line(
    `the queue goes on with \`${plain(next.taskName, 80)}\`; \`ralph stop --all\` ends it, too`,
  );
}
