/** What is written of a review. Documented where the store is: `store.ts`. */
import {
  activityColumns,
  assignments,
  insertInto,
  LostSession,
  type Writing,
} from "./leased_writes.ts";
import { usageColumns } from "./iteration_writes.ts";
import type { Lease, NewReview, ReviewEnd } from "./model.ts";

export function reviewWrites({ one, change, atomically, times, updateSession }: Writing) {
  /** One that is under way, of the worker's own session. */
  function updateReview(lease: Lease, id: number, columns: Parameters<typeof assignments>[0]) {
    const changed = change(
      `UPDATE reviews SET ${assignments(columns)}
        WHERE id = @id AND session_id = @sessionId AND outcome IS NULL`,
      { ...columns, id, sessionId: lease.sessionId },
    );
    if (changed === 0) throw new LostSession(lease);
  }

  return {
    beginReview(lease: Lease, review: NewReview): number {
      return atomically((): number => {
        const now = times.now();
        updateSession(lease, activityColumns(`reviewing ${review.stories.join(", ")}`, now));
        const columns = {
          session_id: lease.sessionId,
          iteration: review.iteration,
          final: review.final ? 1 : 0,
          stories: JSON.stringify(review.stories),
          opencode_title: review.openCodeTitle,
          model: review.model ?? null,
          agent_said: review.agentSaid ?? null,
          started_at: now,
        };
        return Number(one(insertInto("reviews", columns, "RETURNING id"), columns)?.id);
      });
    },

    setReviewSession(lease: Lease, id: number, openCodeSessionId: string): void {
      atomically(() => {
        updateSession(lease, { opencode_session_id: openCodeSessionId });
        updateReview(lease, id, { opencode_session_id: openCodeSessionId });
      });
    },

    setReviewPrompted(lease: Lease, id: number): void {
      atomically(() => {
        updateSession(lease, {});
        updateReview(lease, id, { prompted_at: times.now() });
      });
    },

    endReview(lease: Lease, id: number, end: ReviewEnd): void {
      atomically(() => {
        // What a person attaches to afterwards is the agent's conversation.
        updateSession(lease, { opencode_session_id: agentsOf(one, id) });
        updateReview(lease, id, {
          outcome: end.outcome,
          detail: end.detail,
          ...usageColumns(end.usage),
          duration_ms: Math.round(end.durationMs),
          ended_at: times.now(),
        });
        insertReviewFindings(change, id, end.findings);
      });
    },
  };
}

function insertReviewFindings(
  change: Writing["change"],
  id: number,
  findings: ReviewEnd["findings"],
): void {
  findings.forEach(({ storyId, criterion, met, what, evidence }, position) => {
    const columns = {
      review_id: id,
      position,
      story_id: storyId,
      criterion,
      met: met ? 1 : 0,
      what,
      evidence: JSON.stringify(evidence),
    };
    change(insertInto("review_findings", columns), columns);
  });
}

/** The OpenCode session of the iteration that is reviewed. */
function agentsOf(one: Writing["one"], id: number) {
  const row = one(
    `SELECT i.opencode_session_id AS agents FROM reviews AS r JOIN iterations AS i
      ON i.session_id = r.session_id AND i.number = r.iteration WHERE r.id = @id`,
    { id },
  );
  return row?.agents ?? null;
}
