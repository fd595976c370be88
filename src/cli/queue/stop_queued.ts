/** What `ralph stop` does about queued tasks. */
import { openUserStore } from "../../app/store.ts";
import { sleep } from "../../clock.ts";
import { isAlive, readAsIs } from "../../control/liveness.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { goesOnWith } from "../../queue/decide.ts";
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
  /** The folder of one that was begun: its session is to be stopped. */
  begun?: string;
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
    return takeOut(context, found.queued) ? { tasks: [found.queued] } : undefined;
  }
  const root = all ? findProjectRoot(context.cwd(), systemTree) : undefined;
  const queue = root === undefined ? undefined : openQueue(context, root);
  if (root === undefined || !queue) return undefined;
  const tasks = takeOutAll(context, root);
  const running = tasks.find(({ state }) => state === "running");
  if (running) await begun(context, { root, running });
  return { tasks, begun: running?.taskDir };
}

function openQueue(context: CommandContext, root: string): Queue | undefined {
  const queue = readAsIs(context, (store) => store.lastQueue(root));
  return queue?.endedAt === null ? queue : undefined;
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

/** Resolves once its session is there to be stopped, or the queue's process is gone without one. */
async function begun(
  context: CommandContext,
  { root, running }: { root: string; running: QueuedTask },
): Promise<void> {
  const { clock } = context;
  const end = clock.monotonic() + BEGIN_MS_MAX;
  while (queueIsWorked(context, root) && clock.monotonic() < end) {
    const session = readAsIs(context, (store) => store.lastSession(running.taskDir));
    if (session && isAlive(context, session)) return;
    if (chooseStarting(context, running.taskDir)) return;
    await sleep(clock, LOOK_MS);
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
  const next = queue && goesOnWith(queue, taskDir);
  if (!next || !queueIsWorked(context, projectRoot)) return;
  context.output.err.line(
    `the queue goes on with \`${plain(next.taskName, 80)}\`; \`ralph stop --all\` ends it, too`,
  );
}
