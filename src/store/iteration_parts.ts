/** How long an iteration and its review took, whose workers come one after the other. */
import type { Lease } from "./model.ts";
import type { Statements } from "./statements.ts";

/** How long its worker has been at it up to that one's last write, in milliseconds. */
const SINCE_TAKEN_UP = `max(0, coalesce(round((julianday((SELECT worker_seen_at
  FROM sessions AS s WHERE s.id = session_id)) - julianday(coalesce(taken_up_at, started_at)))
  * 86400000), 0))`;

/** The same of a review that is under way. */
const OF_REVIEW = `(SELECT max(0, coalesce(round((julianday(worker_seen_at)
  - max(julianday(reviews.started_at), julianday(worker_started_at))) * 86400000), 0))
  FROM sessions WHERE id = reviews.session_id)`;

export function iterationParts({ change }: Pick<Statements, "change">) {
  return {
    /**
     * The part of the worker before ends, and `aloneMs` in which its turn worked without one; the
     * next one's begins. To be called while the session's row still tells of the worker before.
     */
    takeUp(sessionId: number, { aloneMs, now }: { aloneMs: number; now: string }): void {
      change(
        `UPDATE iterations SET taken_up_at = @now,
          worked_before_ms = worked_before_ms + @aloneMs + ${SINCE_TAKEN_UP}
          WHERE session_id = @sessionId AND outcome IS NULL`,
        { sessionId, aloneMs, now },
      );
      change(
        `UPDATE reviews SET duration_ms = coalesce(duration_ms, 0) + @aloneMs + ${OF_REVIEW}
          WHERE session_id = @sessionId AND outcome IS NULL
            AND iteration = (SELECT max(number) FROM iterations WHERE session_id = @sessionId)`,
        { sessionId, aloneMs },
      );
    },

    /** What one took that ends in mid-turn: up to the last write. */
    measure({ sessionId }: Lease, number: number): void {
      change(
        `UPDATE iterations SET duration_ms = worked_before_ms + ${SINCE_TAKEN_UP}
          WHERE session_id = @sessionId AND number = @number AND outcome IS NULL`,
        { sessionId, number },
      );
    },
  };
}
