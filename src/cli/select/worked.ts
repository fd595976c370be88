import type { Session } from "../../store/model.ts";
import type { ReadOnlyStore } from "../../store/store.ts";

/**
 * How long a session has worked, in milliseconds: all its workers, and one that is at work up to `now`
 * (epoch milliseconds). Undefined for a session of an earlier version.
 */
export function workedUntil(
  now: number,
  { session: { id, status, updatedAt }, store }: { session: Session; store: ReadOnlyStore },
): number | undefined {
  const worked = store.workedMs(id);
  if (worked === undefined || status !== "running") return worked;
  return worked + (Math.max(0, now - Date.parse(updatedAt)) || 0);
}
