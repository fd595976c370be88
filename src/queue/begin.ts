/** A queued task about to be begun: whether it can be now, and with what. */
import { requireOwnFolders } from "../app/own_folders.ts";
import type { Context } from "../app/context.ts";
import { nothingToDo } from "../control/preflight.ts";
import { homeRootOf, isWhole, taskIn } from "../control/worktree/find.ts";
import type { WorkerOrder } from "../control/protocol.ts";
import { readWhole } from "../host/files/read_file.ts";
import { systemTree } from "../host/files/system_tree.ts";
import { readAgenda } from "../loop/iteration/backlog.ts";
import { whyResumable } from "../loop/session/resumable.ts";
import { readSettings } from "../settings/read.ts";
import type { Limits } from "../settings/settings.ts";
import { type Queue, type QueuedTask, tokensOf } from "../store/model.ts";
import type { ReadOnlyStore } from "../store/store.ts";
import { findTask } from "../task/find.ts";
import type { Task } from "../task/task_files.ts";
import { parseFlags } from "./flags.ts";
import { requireInTree } from "./dependencies.ts";
import { treeOf } from "./place.ts";

/** What a task is started with. */
export interface QueueStart {
  task: Task;
  order: WorkerOrder;
  gateEnv: readonly string[];
}

/**
 * What to start it with, or in words that there is nothing to do. Throws `RalphError` when it cannot be
 * worked on.
 */
export async function startOf(
  context: Context,
  { queue, queued, store }: { queue: Queue; queued: QueuedTask; store: ReadOnlyStore },
): Promise<QueueStart | { done: string }> {
  requireOwnFolders(context);
  const { projectRoot } = queue;
  const home = findTask(queued.taskDir, { cwd: queued.taskDir, tree: systemTree, projectRoot });
  const tree = treeOf(queue, queued, store.worktrees());
  const task = tree && isWhole(tree) ? taskIn(tree) : home;
  const flags = parseFlags(queued.flags);
  const { settings } = await readSettings({
    projectRoot: task.projectRoot,
    homeRoot: homeRootOf(context, task.projectRoot),
    environment: context.environment,
    variableNames: [],
    readFile: readWhole,
    flags,
  });
  const agenda = readAgenda(Deno, { task, promised: false });
  const done = nothingToDo(context, { task, agenda, verify: settings.verify });
  if (done !== undefined) return { done };
  const spent = spentBy(store, queue.tasks.filter(({ id }) => id !== queued.id));
  const limits = { ...flags.limits, ...limitsLeft(queue, { spent, own: settings.limits }) };
  if (!queued.worktree) await requireInTree(context, home, queued.dependsOn);
  const last = tree && store.lastSession(tree.taskDir);
  // One that goes on has begun with what was done then.
  const dependsOn = last && whyResumable(last) ? [] : queued.dependsOn;
  const order: WorkerOrder = {
    taskDir: home.dir,
    projectRoot,
    flags: { ...flags, limits },
    accepted: false,
    ...queued.worktree && { worktree: { dependsOn } },
  };
  return { task: home, order, gateEnv: settings.gateEnv };
}

/** The session's own limits, or what the others of the queue have left where that is less. */
function limitsLeft(
  { maxCostUsd, maxTokens }: Pick<Queue, "maxCostUsd" | "maxTokens">,
  { spent, own }: { spent: Spent; own: Limits },
): Partial<Limits> {
  const least = (own: number | undefined, all: number | null, used: number) =>
    all === null ? own : Math.min(own ?? Infinity, all - used);
  return {
    costUsd: least(own.costUsd, maxCostUsd, spent.costUsd),
    tokens: least(own.tokens, maxTokens, spent.tokens),
  };
}

interface Spent {
  costUsd: number;
  tokens: number;
}

/** What the sessions of these tasks have used, as far as it is known. */
export function spentBy(store: ReadOnlyStore, tasks: readonly QueuedTask[]): Spent {
  const ids = new Set(tasks.flatMap(({ sessionId }) => sessionId ?? []));
  const used = [...ids].map((id) => store.usage(id).usage);
  return {
    costUsd: used.reduce((sum, one) => sum + one.costUsd + one.derivedCostUsd, 0),
    tokens: used.reduce((sum, one) => sum + tokensOf(one), 0),
  };
}
