/** Which sessions go on, and which of those without being asked to. Pure. */
import type { Session } from "../registry/model.ts";

/** What a session that goes on is continued for; undefined for one that is over. */
export function continuation(session: Session): string | undefined {
  // One of the earlier program is history: nothing tells what became of its iterations.
  if (session.earlier !== null) return undefined;
  const where = `session ${session.id} after iteration ${session.iterations}`;
  if (session.status === "checkpointed") return `continues ${where}: it was paused`;
  if (session.reason === "worker_died") return `continues ${where}: its worker died`;
  if (session.reason === "worker_ended") return `continues ${where}: its worker was asked to end`;
  return undefined;
}

/**
 * Whether the session was running when the machine went down, so that it may go on unasked: its
 * worker was asked to end, or it began before this boot (epoch milliseconds) and nobody ended it.
 */
export function wentDown(session: Session, bootedAt: number): boolean {
  if (session.earlier !== null) return false;
  if (session.reason === "worker_ended") return true;
  const began = session.workerStartedAt ?? session.startedAt;
  return session.reason === "worker_died" && Date.parse(began) < bootedAt;
}
