/** The end of a session in mid-iteration, in place of the loop that cannot bring it about. */
import type { Clock } from "../clock.ts";
import type { OpenCode } from "../opencode/client.ts";
import type { Lease, Outcome, Reason, Status } from "../registry/model.ts";
import type { Registry } from "../registry/registry.ts";
import { abortTurn } from "./abort.ts";
import { UNCONFIRMED } from "./outcome.ts";

/**
 * Aborts the turn that may be at work, and records the end of its iteration and of the session.
 * Throws `LostSession` when the session is not the worker's any more; the turn is aborted by then.
 */
export async function endAtOnce(
  { registry, client, clock }: { registry: Registry; client: OpenCode; clock: Clock },
  lease: Lease,
  { outcome, ...end }: {
    outcome: Outcome;
    status: Exclude<Status, "running">;
    reason: Reason;
    detail: string;
  },
): Promise<void> {
  const open = registry.iterations(lease.sessionId).find((one) => one.outcome === null);
  if (open) {
    const { number, openCodeSessionId: sessionId } = open;
    const confirmed = sessionId === null || await abortTurn({ client, clock, sessionId });
    const detail = confirmed ? end.detail : `${end.detail}; ${UNCONFIRMED}`;
    registry.endIteration(lease, { number, outcome, detail, storiesPassed: [] });
  }
  registry.endSession(lease, end);
}
