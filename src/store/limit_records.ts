/** What is read and written of providers that have sessions wait. Documented where the store is: `store.ts`. */
import type { Writing } from "./leased_writes.ts";
import type { Lease, ProviderLimit } from "./model.ts";
import { words } from "./rows.ts";
import type { Statements } from "./statements.ts";

/** A time that is none is long past. */
const time = (value: unknown) => Date.parse(String(value)) || 0;
const iso = (at: number) => new Date(at).toISOString();

export function limitReaders({ one }: Pick<Statements, "one">) {
  return {
    anyProviderLimit: (): boolean => one("SELECT 1 FROM provider_limits LIMIT 1", {}) !== undefined,

    providerLimit(provider: string): ProviderLimit | undefined {
      const row = one(
        `SELECT l.*, s.task_name, s.project_root, s.status FROM provider_limits AS l
          JOIN sessions AS s ON s.id = l.session_id WHERE l.provider = @provider`,
        { provider },
      );
      return row && {
        until: time(row.until),
        said: words(row.said),
        sessionId: Number(row.session_id),
        taskName: words(row.task_name),
        projectRoot: words(row.project_root),
        isRunning: row.status === "running",
        firstUntil: time(row.first_until),
      };
    },
  };
}

export function limitWrites({ change, atomically, updateSession, times }: Writing) {
  return {
    limitMet(
      lease: Lease,
      { provider, until, said, firstUntil }:
        & Pick<ProviderLimit, "until" | "said" | "firstUntil">
        & { provider: string },
    ): void {
      atomically(() => {
        updateSession(lease, {});
        change(
          `INSERT INTO provider_limits (provider, until, said, session_id, first_until)
            VALUES (@provider, @until, @said, @sessionId, @firstUntil)
            ON CONFLICT (provider) DO UPDATE SET until = excluded.until, said = excluded.said,
              session_id = excluded.session_id, first_until = excluded.first_until
            WHERE session_id = excluded.session_id OR until < excluded.until
              OR session_id NOT IN (SELECT id FROM sessions WHERE status = 'running')`,
          {
            provider,
            until: iso(until),
            said,
            sessionId: lease.sessionId,
            firstUntil: iso(firstUntil),
          },
        );
      });
    },

    goFirst(
      lease: Lease,
      { provider, firstUntil }: { provider: string; firstUntil: number },
    ): boolean {
      return atomically(() => {
        updateSession(lease, {});
        return change(
          `UPDATE provider_limits SET session_id = @sessionId, first_until = @firstUntil,
              until = min(until, @now)
            WHERE provider = @provider AND (session_id = @sessionId OR first_until <= @now
              OR session_id NOT IN (SELECT id FROM sessions WHERE status = 'running'))`,
          {
            provider,
            sessionId: lease.sessionId,
            firstUntil: iso(firstUntil),
            now: times.now(),
          },
        ) > 0;
      });
    },

    limitOver({ sessionId }: Lease, provider: string): void {
      change(
        "DELETE FROM provider_limits WHERE provider = @provider AND session_id = @sessionId",
        { provider, sessionId },
      );
    },
  };
}
