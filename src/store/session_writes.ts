/** What is written of a session. Documented where the store is: `store.ts`. */
import { LostSession, type Writing } from "./leased_writes.ts";
import type { Lease, SessionEnd } from "./model.ts";

/** A session from its start to its end. */
export function sessionWrites(
  { one, change, times, updateSession }: Writing,
  { requireSame }: { requireSame: () => void },
) {
  return {
    requireLease(lease: Lease): void {
      requireSame();
      const row = one(
        "SELECT 1 FROM sessions WHERE id = @sessionId AND epoch = @epoch AND status = 'running'",
        { ...lease },
      );
      if (!row) throw new LostSession(lease);
    },

    noteThere(lease: Lease): void {
      requireSame();
      updateSession(lease, {});
    },

    setLogPath: (lease: Lease, logPath: string) => updateSession(lease, { log_path: logPath }),

    setActivity: (lease: Lease, activity: string) =>
      updateSession(lease, { activity, activity_since: times.now() }),

    endSession(lease: Lease, { status, reason, detail }: SessionEnd): void {
      const over = { activity: null, activity_since: null, ended_at: times.now() };
      updateSession(lease, { status, reason, detail, ...over });
    },

    markWorkerDied(session: { id: number; epoch: number }, detail: string): boolean {
      return change(
        `UPDATE sessions SET status = 'failed', reason = 'worker_died', detail = @detail,
            activity = NULL, activity_since = NULL, ended_at = @now, updated_at = @now
          WHERE id = @id AND epoch = @epoch AND status = 'running'`,
        { id: session.id, epoch: session.epoch, detail, now: times.now() },
      ) > 0;
    },

    forget(sessionId: number): boolean {
      return change("DELETE FROM sessions WHERE id = @sessionId AND status IS NOT 'running'", {
        sessionId,
      }) > 0;
    },
  };
}
