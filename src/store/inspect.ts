/** A look at the database that changes nothing: for `ralph doctor`. */
import { DatabaseSync } from "node:sqlite";
import { type Hint, RalphError } from "../error.ts";
import { fixHints } from "./copies.ts";
import { openDatabase } from "./database.ts";
import { damageOf, orphansOf } from "./integrity.ts";
import { databaseError, noRoom } from "./store_error.ts";
import { type Migration, refuseUnusable, schemaVersion } from "./migrations.ts";

export interface Inspection {
  schema: { found: number; newest: number };
  /** What SQLite's own check and the foreign keys say; empty when all is well. */
  damage: readonly string[];
  /** False: too large to be read through in a moment. */
  checked: boolean;
  /** Why nothing can be written into it just now. */
  notWritable?: RalphError;
  /** How to put it aside, and what can take its place. */
  fixes: readonly [Hint, ...Hint[]];
}

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
    const damage = damageOf(database, { path, deep });
    return {
      schema: { found: schemaVersion(database), newest: migrations.at(-1)?.number ?? 0 },
      damage: damage ? [...damage, ...orphansOf(database)] : [],
      checked: damage !== undefined,
      notWritable: whyNotWritable(path),
      fixes: fixHints(path),
    };
  } catch (error) {
    throw databaseError(error, { path, timeoutMs: BUSY_MS });
  } finally {
    database.close();
  }
}

/**
 * Why nothing can be written into the database just now; undefined when all is well. Begins to write,
 * and takes it back.
 */
export function whyNotWritable(path: string): RalphError | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = openDatabase(path, { readOnly: false, timeoutMs: BUSY_MS });
    database.prepare("BEGIN IMMEDIATE").run();
    // A file that is read-only is found by this alone.
    database.prepare("PRAGMA user_version = 0").run();
    database.prepare("ROLLBACK").run();
    return noRoom(path);
  } catch (error) {
    const refusal = databaseError(error, { path, timeoutMs: BUSY_MS });
    if (!(refusal instanceof RalphError)) throw refusal;
    return refusal;
  } finally {
    database?.close();
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
