import type { QueuedTask, Session } from "../store/model.ts";
import type { ReadOnlyStore } from "../store/store.ts";

/** The session of a task that was begun; undefined where none is on record yet. */
export function queuedSession(
  store: Pick<ReadOnlyStore, "session" | "lastSession">,
  { taskDir, before, sessionId }: QueuedTask,
): Session | undefined {
  if (sessionId !== null) return store.session(sessionId);
  const last = store.lastSession(taskDir);
  if (!last) return undefined;
  const isLater = last.id > before.session ||
    last.id === before.session && last.epoch > before.epoch;
  return isLater ? last : undefined;
}
