/** The end of a session in mid-iteration, in place of the loop that cannot bring it about. */
import type { Clock } from "../../clock.ts";
import type { OpenCode } from "../../opencode/client.ts";
import type { Lease, Outcome, SessionEnd } from "../../store/model.ts";
import type { Store } from "../../store/store.ts";
import { abortTurn } from "../turn/abort.ts";
import { UNCONFIRMED } from "../iteration/outcome.ts";

/**
 * Aborts the turn that may be at work, and records the end of its iteration and of the session.
 * Throws `LostSession` when the session is not the worker's any more; the turn is aborted by then.
 */
export async function finishNow(
  { store, client, clock }: { store: Store; client: OpenCode; clock: Clock },
  lease: Lease,
  { outcome, ...end }: SessionEnd & { outcome: Outcome },
): Promise<void> {
  const open = store.iterations(lease.sessionId).find((one) => one.outcome === null);
  if (open) {
    const { number, openCodeSessionId: sessionId } = open;
    const abortConfirmed = sessionId === null
      ? undefined
      : await abortTurn({ client, clock, sessionId });
    const detail = abortConfirmed === false ? `${end.detail}; ${UNCONFIRMED}` : end.detail;
    store.endIteration(lease, { number, outcome, detail, storiesPassed: [], abortConfirmed });
  }
  store.endSession(lease, end);
}
