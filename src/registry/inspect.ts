/** A look at the database that changes nothing: for `ralph doctor`. */
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { databaseError, openDatabase } from "./database.ts";
import { type Migration, refuseUnusable, schemaVersion } from "./migrations.ts";

export interface Inspection {
  schema: { found: number; newest: number };
  /** What SQLite's own check and the foreign keys say; empty when all is well. */
  damage: readonly string[];
  /** False: too large to be read through in a moment. */
  checked: boolean;
}

/** `quick_check` reads some 1 GB/s from memory, and far less from a disk. */
const CHECKED_BYTES_MAX = 200_000_000;
const DAMAGE_LINES_MAX = 5;
const BUSY_MS = 1_000;

/**
 * Throws `StoreError` for a file that cannot be opened, is no database of ralph's, or is
 * a newer one's. `deep`: reads it through whatever its size.
 */
export function inspectDatabase(
  path: string,
  { migrations, deep }: { migrations: readonly Migration[]; deep: boolean },
): Inspection {
  const database = openDatabase(path, { readOnly: true, timeoutMs: BUSY_MS });
  try {
    refuseUnusable(database, { path, migrations });
    const checked = deep || statSync(path).size <= CHECKED_BYTES_MAX;
    return {
      schema: { found: schemaVersion(database), newest: migrations.at(-1)?.number ?? 0 },
      damage: checked ? damageOf(database) : [],
      checked,
    };
  } catch (error) {
    throw databaseError(error, { path, timeoutMs: BUSY_MS });
  } finally {
    database.close();
  }
}

/** Of the library that this program brings along, such as `3.53.0`. */
export function sqliteVersion(): string {
  const database = new DatabaseSync(":memory:");
  try {
    return String(database.prepare("SELECT sqlite_version() AS version").get()?.version);
  } finally {
    database.close();
  }
}

function damageOf(database: DatabaseSync): readonly string[] {
  const found = database.prepare(`PRAGMA quick_check(${DAMAGE_LINES_MAX})`).all()
    .map((row) => String(row.quick_check)).filter((line) => line !== "ok");
  const orphans = database.prepare("PRAGMA foreign_key_check").all()
    .map((row) => `a row of ${row.table} belongs to no row of ${row.parent}`);
  return [...found, ...orphans].slice(0, DAMAGE_LINES_MAX);
}
