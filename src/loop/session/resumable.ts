/** Which sessions go on, and which of those without being asked to. Pure. */
import type { Session } from "../../store/model.ts";

/** What a session that goes on is continued for; undefined for one that is over. */
export function whyResumable(session: Session): string | undefined {
  // One of the predecessor is history: nothing tells what became of its iterations.
  if (session.earlier !== null) return undefined;
  const where = `session ${session.id} after iteration ${session.iterations}`;
  if (session.status === "checkpointed") return `continues ${where}: it was paused`;
  if (session.reason === "worker_died") return `continues ${where}: its worker died`;
  if (session.reason === "worker_ended") return `continues ${where}: its worker was asked to end`;
  return undefined;
}

/** The same for a session that a person goes on with, although it was stopped or has failed. */
export function whyResumed(session: Session): string | undefined {
  const { earlier, status, id, iterations } = session;
  if (earlier !== null || status !== "stopped" && status !== "failed") return undefined;
  return `continues session ${id} after iteration ${iterations}: it had ended, and is resumed`;
}

/**
 * Whether the session was running when the machine went down, so that it may go on unasked: its
 * worker was asked to end, or died in another boot than this one. Where no boot is on record its
 * start is compared with that of this boot (epoch milliseconds), which holds while nobody sets the
 * machine's clock.
 */
export function wentDown(session: Session, boot: { id?: string; at: number }): boolean {
  if (session.earlier !== null) return false;
  if (session.reason === "worker_ended") return true;
  if (session.reason !== "worker_died") return false;
  const { workerBoot, workerStartedAt, startedAt } = session;
  if (workerBoot !== null && boot.id !== undefined) return workerBoot !== boot.id;
  return Date.parse(workerStartedAt ?? startedAt) < boot.at;
}
