/** What the files that a worker keeps must hold. Documented where the store is: `store.ts`. */
import { LostSession, type Writing } from "./leased_writes.ts";
import type { Lease } from "./model.ts";

/** Of one file. `earlier` counts too while it is not null. */
export interface KeptHash {
  readonly name: string;
  readonly sha256: string;
  readonly earlier: string | null;
}

/** Bound to the task, so that what outlives a session is found by the next. */
export function keptHashes({ one, many, change, atomically }: Writing) {
  return {
    keptHashes(
      { sessionId }: Lease,
      outlive: readonly string[],
    ): readonly KeptHash[] | undefined {
      const ofTask = `FROM kept_files AS k JOIN sessions AS s
        ON s.task_dir = k.task_dir AND s.task_name = k.task_name WHERE s.id = @sessionId`;
      if (!one(`SELECT 1 ${ofTask} LIMIT 1`, { sessionId })) return undefined;
      return many(
        `SELECT k.name, k.sha256, k.earlier ${ofTask} AND (k.session_id = @sessionId
          OR k.name IN (SELECT value FROM json_each(@outlive)))`,
        { sessionId, outlive: JSON.stringify(outlive) },
      ).map(({ name, sha256, earlier }) => ({
        name: String(name),
        sha256: String(sha256),
        earlier: earlier === null ? null : String(earlier),
      }));
    },

    putKeptHashes(lease: Lease, hashes: readonly KeptHash[]): void {
      const put = (hash: KeptHash) => {
        const changed = change(
          `INSERT INTO kept_files (task_dir, task_name, name, session_id, sha256, earlier)
            SELECT task_dir, task_name, @name, id, @sha256, @earlier FROM sessions
            WHERE id = @sessionId AND epoch = @epoch AND status = 'running'
            ON CONFLICT DO UPDATE SET session_id = excluded.session_id,
              sha256 = excluded.sha256, earlier = excluded.earlier`,
          { ...lease, ...hash },
        );
        if (changed === 0) throw new LostSession(lease);
      };
      if (hashes.length === 1) put(hashes[0]);
      else atomically(() => hashes.forEach(put));
    },
  };
}
