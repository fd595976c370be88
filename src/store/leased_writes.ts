/**
 * How a worker writes: each of its writes names the epoch in which it took its session over, and one
 * that finds another epoch changes nothing.
 */
import type { SQLInputValue } from "node:sqlite";
import { RalphError } from "../error.ts";
import type { ActivityKind, Lease } from "./model.ts";
import type { Statements } from "./statements.ts";

/** The session is no longer this worker's. */
export class LostSession extends RalphError {
  constructor(lease: Lease) {
    super(
      "conflict",
      `session ${lease.sessionId} is not this worker's any more: another one took it over, or its ` +
        "record was changed",
    );
  }
}

/** What is written into a row, by the name of the column. */
export type Columns = Readonly<Record<string, SQLInputValue>>;

/** The time as it is stored, RFC 3339 in UTC. */
export interface Times {
  now(): string;
  /** Only what lies between two of these counts: the machine's clock may be set in between. */
  seen(): string;
}

/** What the writes of a worker are made with. `update…` throw `LostSession`. */
export interface Writing extends Statements {
  times: Times;
  /** Runs `work` in one transaction. */
  atomically<T>(work: () => T): T;
  /** Every write of a worker, also one that sets nothing, says that it was there. */
  updateSession(lease: Lease, columns: Columns): void;
  /** The same for an iteration, which must be the worker's own and under way. */
  updateIteration(lease: Lease, number: number, columns: Columns): void;
}

/** `atomically` runs work in one transaction. */
export function leasedWrites(
  statements: Statements,
  { times, atomically }: Pick<Writing, "times" | "atomically">,
): Writing {
  const { change } = statements;
  return {
    ...statements,
    times,
    atomically,

    updateSession(lease, columns) {
      const changed = change(
        `UPDATE sessions SET ${assignments({ ...columns, updated_at: "", worker_seen_at: "" })}
        WHERE id = @sessionId AND epoch = @epoch AND status = 'running'`,
        { ...columns, ...lease, updated_at: times.now(), worker_seen_at: times.seen() },
      );
      if (changed === 0) throw new LostSession(lease);
    },

    updateIteration(lease, number, columns) {
      const changed = change(
        `UPDATE iterations SET ${assignments(columns)}
        WHERE session_id = @sessionId AND number = @number
        AND outcome IS NULL AND EXISTS (SELECT 1 FROM sessions WHERE id = @sessionId
        AND epoch = @epoch AND status = 'running')`,
        { ...columns, ...lease, number },
      );
      if (changed === 0) throw new LostSession(lease);
    },
  };
}

/** What a session does from now on; `kind`: what it waits for. */
export function activityColumns(
  activity: string,
  now: string,
  kind: ActivityKind | null = null,
): Columns {
  return { activity, activity_kind: kind, activity_since: now };
}

/** `a = @a, b = @b`: each column gets the parameter of its own name. */
export function assignments(columns: Columns): string {
  return Object.keys(columns).map((name) => `${name} = @${name}`).join(", ");
}

/** A statement that inserts a row; `more` goes behind it. */
export function insertInto(table: string, columns: Columns, more = ""): string {
  const names = Object.keys(columns);
  return `INSERT INTO ${table} (${names.join(", ")})
    VALUES (${names.map((name) => `@${name}`).join(", ")}) ${more}`;
}
