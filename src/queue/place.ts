/** Where a queued task is worked on, and its session. */
import { worktreeOf } from "../control/worktree/find.ts";
import type { Queue, QueuedTask, Session, Worktree } from "../store/model.ts";
import type { ReadOnlyStore } from "../store/store.ts";

/** The worktree of a task that runs in one; undefined until it is on record, and for one at home. */
export function treeOf(
  { projectRoot }: Pick<Queue, "projectRoot">,
  { taskDir, worktree }: Pick<QueuedTask, "taskDir" | "worktree">,
  trees: readonly Worktree[],
): Worktree | undefined {
  return worktree ? worktreeOf({ dir: taskDir, projectRoot }, trees) : undefined;
}

/** The folder that its sessions are recorded with; undefined until there is a worktree. */
export function sessionDirOf(
  queue: Pick<Queue, "projectRoot">,
  queued: Pick<QueuedTask, "taskDir" | "worktree">,
  trees: readonly Worktree[],
): string | undefined {
  return queued.worktree ? treeOf(queue, queued, trees)?.taskDir : queued.taskDir;
}

/** The session of a task that was begun; undefined where none is on record yet. */
export function sessionOf(
  store: ReadOnlyStore,
  queue: Queue,
  queued: QueuedTask,
): Session | undefined {
  if (queued.sessionId !== null) return store.session(queued.sessionId);
  const dir = sessionDirOf(queue, queued, store.worktrees());
  const last = dir === undefined ? undefined : store.lastSession(dir);
  if (!last) return undefined;
  const { before } = queued;
  const isLater = last.id > before.session ||
    last.id === before.session && last.epoch > before.epoch;
  return isLater ? last : undefined;
}
