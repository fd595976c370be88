/**
 * Brings the database's schema up to what this program knows: numbered files, each in one
 * transaction together with the row that says it was applied.
 */
import type { DatabaseSync } from "node:sqlite";
import { shellWord } from "../terminal/shell_word.ts";
import { backUp, type CopyDatabase } from "./backup.ts";
import { transaction } from "./database.ts";
import { StoreError } from "./store_error.ts";
import {
  hasEarlierSessions,
  insertEarlierSessions,
  removeEarlierSessions,
} from "./legacy_import.ts";

export interface Migration {
  number: number;
  name: string;
  sql: string;
}

const BOOKKEEPING = `CREATE TABLE IF NOT EXISTS migrations (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  applied_at TEXT NOT NULL
) STRICT`;

/** Turns `0001_sessions.sql` and its text into a migration; files of other names are not. */
export function migrationOf(fileName: string, sql: string): Migration | undefined {
  const match = /^(\d{4})_(\w+)\.sql$/.exec(fileName);
  return match ? { number: Number(match[1]), name: match[2], sql } : undefined;
}

/** The number of the newest migration that the database has; 0 for an empty database. */
export function schemaVersion(database: DatabaseSync): number {
  const known = database.prepare(
    "SELECT 1 FROM pragma_table_info('migrations') WHERE name = 'number'",
  ).get();
  if (!known) return 0;
  const row = database.prepare("SELECT coalesce(max(number), 0) AS number FROM migrations").get();
  return Number(row?.number);
}

/**
 * Throws `StoreError` for a database that this program must not touch: one from a
 * newer ralph, and one that has tables of something else.
 */
export function refuseUnusable(
  database: DatabaseSync,
  { path, migrations }: { path: string; migrations: readonly Migration[] },
): void {
  const newest = migrations.at(-1)?.number ?? 0;
  const version = schemaVersion(database);
  if (version === 0) refuseForeignTables(database, path);
  if (version <= newest) return;
  throw new StoreError(
    `cannot use the database ${path}: it was written by a newer ralph (schema ${version}, ` +
      `this one knows ${newest}). It was left as it is`,
    {
      passing: false,
      hints: [{ text: "use the newer ralph; this one is", command: "ralph --version" }],
    },
  );
}

/**
 * Applies the migrations that the database lacks, and takes over what the predecessor left in
 * it, all in one transaction. A copy is made first when there is anything to lose:
 * `<path>.before-<number>`, or `<path>.before-takeover`.
 */
export function migrate(
  database: DatabaseSync,
  { path, migrations, appliedAt, copyDatabase }: {
    path: string;
    migrations: readonly Migration[];
    /** Written beside each one, RFC 3339. */
    appliedAt: string;
    copyDatabase?: CopyDatabase;
  },
): void {
  const newest = migrations.at(-1)?.number ?? 0;
  if (schemaVersion(database) === newest) return;
  transaction(database, () => {
    // Read again: another process may have been faster.
    const version = schemaVersion(database);
    if (version >= newest) return;
    const takesOver = version === 0 && hasEarlierSessions(database);
    if (takesOver) {
      backUpOnce(path, { copy: `${path}.before-takeover`, copyDatabase });
      Deno.chmodSync(path, 0o600);
    }
    if (version > 0) backUpOnce(path, { copy: `${path}.before-${version + 1}`, copyDatabase });
    const rows = takesOver ? removeEarlierSessions(database) : [];
    database.exec(BOOKKEEPING);
    for (const migration of migrations) {
      if (migration.number <= version) continue;
      database.exec(migration.sql);
      // Before the next one, which then treats them like any other row.
      if (migration.number === 1) {
        insertEarlierSessions(database, { rows, takenOverAt: appliedAt });
      }
      database.prepare("INSERT INTO migrations (number, name, applied_at) VALUES (?, ?, ?)")
        .run(migration.number, migration.name, appliedAt);
    }
  });
}

function refuseForeignTables(database: DatabaseSync, path: string): void {
  const table = database.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' LIMIT 1",
  ).get();
  if (!table || hasEarlierSessions(database)) return;
  // Another process may be making the first tables at this moment.
  if (schemaVersion(database) > 0) return;
  throw new StoreError(
    `cannot use the database ${path}: it has tables that this ralph did not make. It was left as it is`,
    {
      passing: false,
      hints: [{ text: "see what is in it", command: `sqlite3 ${shellWord(path)} .schema` }],
    },
  );
}

/**
 * The write lock is the caller's: nothing changes meanwhile, and no other process makes a copy at the
 * same time, so that what is half-made was left by one that was killed. A copy that is there was made
 * by an attempt that ended before it changed anything, and stays.
 */
function backUpOnce(
  path: string,
  { copy, copyDatabase }: { copy: string; copyDatabase?: CopyDatabase },
): void {
  if (exists(copy)) return;
  const part = `${copy}.part`;
  removeFileIfAny(part);
  backUp(path, { copy, part, copyDatabase });
}

/** What is no file stays, and is in the way. */
function removeFileIfAny(path: string): void {
  try {
    if (Deno.lstatSync(path).isFile) Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
