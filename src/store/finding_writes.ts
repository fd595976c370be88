/** What is written of that which the loop found out: gates, claims, notes. */
import { activityColumns, insertInto, type Writing } from "./leased_writes.ts";
import type { Claim, FinalRun, GateRecord, Lease, Note } from "./model.ts";
import type { Statements } from "./statements.ts";

type Change = Pick<Statements, "change">;

/** The iteration that something was found after. */
interface Place {
  sessionId: number;
  iteration: number;
}

/** The run of all gates. Documented where the store is: `store.ts`. */
export function findingWrites(writing: Writing) {
  const { one, change, atomically, times, updateSession } = writing;
  return {
    recordNotes(
      lease: Lease,
      { iteration, notes }: { iteration: number; notes: readonly Note[] },
    ): void {
      atomically(() => {
        updateSession(lease, {});
        insertFindings(writing, { sessionId: lease.sessionId, iteration }, {
          gates: [],
          notes,
          final: false,
        });
      });
    },

    recordHookFailure({ sessionId, epoch }: Lease, text: string): void {
      atomically(() => {
        const row = one(
          `SELECT (SELECT coalesce(max(number), 0) FROM iterations WHERE session_id = @sessionId)
            AS iteration FROM sessions WHERE id = @sessionId AND epoch = @epoch`,
          { sessionId, epoch },
        );
        if (!row) return;
        insertFindings(writing, { sessionId, iteration: Number(row.iteration) }, {
          gates: [],
          notes: [{ about: "hook", text }],
          final: false,
        });
      });
    },

    recordFinalRun(lease: Lease, run: FinalRun): void {
      atomically(() => {
        updateSession(lease, activityColumns("between iterations", times.now()));
        const at = { sessionId: lease.sessionId, iteration: run.iteration };
        insertFindings(writing, at, { ...run, final: true });
        if (run.failure !== undefined) {
          change(
            `UPDATE iterations SET failure = @failure, failure_key = @failureKey,
                detail = coalesce(@detail, detail)
              WHERE session_id = @sessionId AND number = @iteration`,
            {
              ...at,
              failure: run.failure,
              failureKey: run.failureKey ?? null,
              detail: run.detail ?? null,
            },
          );
        }
        for (const { storyId, why } of run.takenBack) {
          change(
            `UPDATE claims SET held = 0, why = @why
              WHERE session_id = @sessionId AND story_id = @storyId AND held IS NOT 0`,
            { sessionId: lease.sessionId, storyId, why },
          );
        }
      });
    },
  };
}

/** `final`: of the run of all gates at the end. Call it in a transaction. */
export function insertFindings(
  { change }: Change,
  at: Place,
  { gates, notes, final }: {
    gates: readonly GateRecord[];
    notes: readonly Note[];
    final: boolean;
  },
): void {
  for (const { passed, flaky, ...gate } of gates) {
    change(
      `INSERT INTO gate_results (session_id, iteration, position, final, gate, passed, flaky, why,
          output, duration_ms)
        VALUES (@sessionId, @iteration, (SELECT count(*) FROM gate_results
          WHERE session_id = @sessionId AND iteration = @iteration), @final, @gate, @passed, @flaky,
          @why, @output, @durationMs)`,
      {
        ...at,
        ...gate,
        durationMs: Math.round(gate.durationMs),
        final: final ? 1 : 0,
        passed: passed ? 1 : 0,
        flaky: flaky ? 1 : 0,
      },
    );
  }
  for (const note of notes) {
    change(
      `INSERT INTO session_notes (session_id, iteration, position, about, text, kind)
        VALUES (@sessionId, @iteration, (SELECT count(*) FROM session_notes
          WHERE session_id = @sessionId AND iteration = @iteration), @about, @text, @kind)`,
      { ...at, ...note, kind: note.kind ?? null },
    );
  }
}

/** Call it in a transaction. */
export function insertClaims(
  { change }: Change,
  { sessionId, iteration }: Place,
  claims: readonly Claim[],
): void {
  for (const { storyId, held, why } of claims) {
    const columns = {
      session_id: sessionId,
      iteration,
      story_id: storyId,
      held: held === null ? null : Number(held),
      why,
    };
    change(insertInto("claims", columns), columns);
  }
}
