import type { Session } from "../registry/model.ts";

/** What a session that goes on is continued for; undefined for one that is over. */
export function continuation(session: Session): string | undefined {
  // One of the earlier program is history: nothing tells what became of its iterations.
  if (session.earlier !== null) return undefined;
  const where = `session ${session.id} after iteration ${session.iterations}`;
  if (session.status === "checkpointed") return `continues ${where}: it was paused`;
  if (session.reason === "worker_died") return `continues ${where}: its worker died`;
  return undefined;
}
