/**
 * Takes over the table `sessions` of the predecessor, which kept one row for each task in the
 * same file. Its rows become history: nothing changes them again.
 */
import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { type Status, STATUSES } from "./model.ts";

/** A row of the predecessor, with integers as `bigint`: a larger one cannot be read otherwise. */
type EarlierRow = Readonly<Record<string, SQLOutputValue>>;

/** What all versions of the predecessor had, and what its table is known by. */
const KNOWN_BY = ["task_name", "status", "started_at"];

/** Columns that are not kept: the process is not ours to know, and secrets belong in no database. */
const NOT_KEPT = /^server_pid$|pass|pwd|secret|token|credential|auth|key/i;

/**
 * Whether the database is the predecessor's. Ask it only of a database without migrations. Not
 * recognised is one with tables that would be in the way, or that depend on the one to be replaced.
 */
export function hasEarlierSessions(database: DatabaseSync): boolean {
  const columns = database.prepare(
    `SELECT c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
      WHERE t.type = 'table' AND t.name = 'sessions'`,
  ).all().map(({ name }) => name);
  if (!KNOWN_BY.every((name) => columns.includes(name))) return false;
  return !database.prepare(
    `SELECT 1 FROM sqlite_schema AS t
      WHERE t.type = 'table' AND (lower(t.name) IN ('migrations', 'iterations', 'answers',
          'session_starts', 'gate_results', 'claims', 'session_notes', 'prompts')
        OR EXISTS (SELECT 1 FROM pragma_foreign_key_list(t.name) AS f
          WHERE lower(f."table") = 'sessions'))`,
  ).get();
}

/** Reads the predecessor's rows and removes its table. Call it in a transaction. */
export function removeEarlierSessions(database: DatabaseSync): readonly EarlierRow[] {
  const all = database.prepare("SELECT * FROM sessions");
  all.setReadBigInts(true);
  const rows = all.all();
  database.prepare("DROP TABLE sessions").run();
  return rows;
}

/**
 * Writes the predecessor's rows into the table of migration 1, in the order in which they were
 * started. Call it in the same transaction. `takenOverAt`: RFC 3339, for rows without a time.
 */
export function insertEarlierSessions(
  database: DatabaseSync,
  { rows, takenOverAt }: { rows: readonly EarlierRow[]; takenOverAt: string },
): void {
  const insert = database.prepare(
    `INSERT INTO sessions (task_name, task_dir, project_root, status, reason, detail,
        current_story, iterations_before, max_iterations, agent, server_url, server_port,
        opencode_session_id, worker_pid, earlier, started_at, updated_at, ended_at)
      VALUES (@taskName, @taskDir, @projectRoot, @status, @reason, @detail,
        @currentStory, @iterationsBefore, @maxIterations, @agent, @serverUrl, @serverPort,
        @openCodeSessionId, @workerPid, @earlier, @startedAt, @updatedAt, @updatedAt)`,
  );
  const sessions = rows.map((row) => sessionFromEarlier(row, takenOverAt));
  sessions.sort((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt));
  for (const session of sessions) insert.run(session);
}

/**
 * What a row of the predecessor is in our columns. What none of them takes, a value that cannot
 * be read included, is kept as JSON in `earlier`. Local times are read in the machine's time zone.
 */
export function sessionFromEarlier(row: EarlierRow, takenOverAt: string) {
  const rest = new Map(
    Object.entries(row).filter(([name, value]) => value !== null && !NOT_KEPT.test(name)),
  );
  function take<T>(column: string, read: (value: SQLOutputValue) => T | undefined): T | undefined {
    const value = read(row[column] ?? null);
    if (value !== undefined) rest.delete(column);
    return value;
  }
  const startedAt = take("started_at", utcTime);
  const updatedAt = take("updated_at", utcTime);
  const taskDir = take("task_dir", text) ?? "";
  return {
    taskName: take("task_name", text) ?? "",
    taskDir,
    projectRoot: projectRootOf(taskDir),
    ...ending(row.status ?? null, take("status", knownStatus)),
    currentStory: take("current_story", text) ?? null,
    iterationsBefore: take("iteration", count) ?? 0,
    maxIterations: take("max_iterations", count) ?? null,
    agent: take("agent", text) ?? null,
    serverUrl: take("server_url", urlText) ?? null,
    serverPort: take("server_port", count) ?? null,
    openCodeSessionId: take("opencode_session_id", text) ?? null,
    workerPid: take("pid", count) ?? null,
    startedAt: startedAt ?? updatedAt ?? takenOverAt,
    updatedAt: updatedAt ?? startedAt ?? takenOverAt,
    earlier: JSON.stringify(
      Object.fromEntries([...rest].map(([name, value]) => [name, jsonValue(value)])),
    ),
  };
}

/** `raw` is the status as it was stored, `status` the same when it is one that we know. */
function ending(raw: SQLOutputValue, status: Status | undefined) {
  if (status === "running") {
    return {
      status: "failed",
      reason: "worker_died",
      detail: "it was on record as running when the predecessor's database was taken over",
    };
  }
  if (status !== undefined) return { status, reason: null, detail: null };
  const found = raw === null ? "no status" : `the unknown status ${JSON.stringify(jsonValue(raw))}`;
  return {
    status: "failed",
    reason: null,
    detail: `the predecessor had ${found} on record`,
  };
}

function knownStatus(value: SQLOutputValue): Status | undefined {
  return STATUSES.find((status) => status === value);
}

function text(value: SQLOutputValue): string | undefined {
  if (value === null || value instanceof Uint8Array) return undefined;
  return String(value);
}

function urlText(value: SQLOutputValue): string | undefined {
  const url = text(value);
  return url === undefined ? undefined : withoutSecrets(url);
}

/** A number from 0 up, whatever the type it was stored as. */
function count(value: SQLOutputValue): number | undefined {
  if (value === null || !/^\d+$/.test(String(value))) return undefined;
  return Number.isSafeInteger(Number(value)) ? Number(value) : undefined;
}

/**
 * A local time such as `2025-03-01T09:30:00.123456`, as Python's `isoformat` writes it, in UTC. Of
 * an hour that the clocks show twice, the first one is meant (ECMA-262, LocalTime).
 */
function utcTime(value: SQLOutputValue): string | undefined {
  const match = /^([12]\d{3}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(\.\d+)?(Z|[+-]\d{2}:\d{2})?$/
    .exec(String(value));
  if (!match) return undefined;
  const [, day, clock, fraction = "", zone = ""] = match;
  const time = new Date(`${day}T${clock}${fraction.slice(0, 4)}${zone}`);
  const isDay = new Date(`${day}T00:00Z`);
  if (isNaN(time.getTime()) || isNaN(isDay.getTime())) return undefined;
  // The engine takes a 30 February for a day in March.
  return isDay.toISOString().startsWith(day) ? time.toISOString() : undefined;
}

/** The folder that has the `tasks/<name>/`, or the task's folder itself when it is elsewhere. */
function projectRootOf(taskDir: string): string {
  const match = /^(.*)\/tasks\/[^/]+\/*$/s.exec(taskDir);
  return match ? match[1] || "/" : taskDir;
}

/** Text without the password of `user:password@host`, the user of a URL, and a URL's query. */
function withoutSecrets(value: string): string {
  return value.replaceAll(/:\/\/\S*@/g, "://")
    .replaceAll(/:(?!\/\/)\S*@/g, "@")
    .replaceAll(/(:\/\/[^\s?#]*)[?#]\S*/g, "$1");
}

function jsonValue(value: SQLOutputValue): string | number {
  if (value instanceof Uint8Array) return `x'${Array.from(value, hex).join("")}'`;
  if (typeof value === "string") return withoutSecrets(value);
  const number = Number(value);
  return Number.isFinite(number) && (typeof value !== "bigint" || Number.isSafeInteger(number))
    ? number
    : String(value);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
