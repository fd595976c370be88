/** What is written of a session. Documented where the store is: `store.ts`. */
import { activityColumns, LostSession, type Writing } from "./leased_writes.ts";
import type { Activity, Lease, SessionEnd } from "./model.ts";

/** A worker writes every 10 s that it is there, and looks every 5 s whether that is due. */
const UNWRITTEN_MS_MAX = 15_000;
/**
 * A worker's last write, and for how long it was there after that: the machine's clock may have been set
 * meanwhile, and that of `worker_seen_at` is another one.
 */
const SEEN_SINCE = `coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', julianday(worker_seen_at)
  + min(max(julianday(@seen) - julianday(updated_at), 0), @maxMs / 86400000.0)), worker_seen_at)`;

/** A session from its start to its end. */
export function sessionWrites(
  { one, change, times, atomically, updateSession }: Writing,
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

    setActivity: (lease: Lease, { kind, text }: Pick<Activity, "kind" | "text">) =>
      updateSession(
        lease,
        activityColumns(text, times.now(), kind === "working" ? null : kind),
      ),

    endSession(lease: Lease, { status, reason, detail }: SessionEnd): void {
      const over = {
        activity: null,
        activity_kind: null,
        activity_since: null,
        ended_at: times.now(),
      };
      updateSession(lease, { status, reason, detail, ...over });
    },

    markWorkerDied(
      session: { id: number; epoch: number },
      detail: string,
      { seenAt }: { seenAt?: number } = {},
    ): boolean {
      const { id, epoch } = session;
      const seen = seenAt === undefined ? null : new Date(seenAt).toISOString();
      return change(
        `UPDATE sessions SET status = 'failed', reason = 'worker_died', detail = @detail,
            activity = NULL, activity_kind = NULL, activity_since = NULL, updated_at = @now,
            ended_at = coalesce(min(@now, max(@seen, updated_at)), @now), worker_seen_at = ${SEEN_SINCE}
          WHERE id = @id AND epoch = @epoch AND status = 'running'`,
        { id, epoch, detail, seen, maxMs: UNWRITTEN_MS_MAX, now: times.now() },
      ) > 0;
    },

    abandon: (session: { id: number; epoch: number }, detail: string) =>
      atomically(() => abandon({ change, times }, { ...session, detail })),

    forget(sessionId: number): boolean {
      return change("DELETE FROM sessions WHERE id = @sessionId AND status IS NOT 'running'", {
        sessionId,
      }) > 0;
    },
  };
}

/** Call it in a transaction. */
function abandon(
  { change, times }: Pick<Writing, "change" | "times">,
  { id, epoch, detail }: { id: number; epoch: number; detail: string },
): boolean {
  const now = times.now();
  const changed = change(
    `UPDATE sessions SET status = 'stopped', reason = 'user_stop', detail = @detail,
        updated_at = @now
      WHERE id = @id AND epoch = @epoch AND status IS NOT 'running'`,
    { id, epoch, detail, now },
  );
  if (changed === 0) return false;
  change(
    `UPDATE iterations SET outcome = 'stopped', detail = @detail, ended_at = @now
      WHERE session_id = @id AND outcome IS NULL`,
    { id, detail, now },
  );
  return true;
}
