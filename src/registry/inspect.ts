/** A look at the database that changes nothing: for `ralph doctor`. */
import { DatabaseSync } from "node:sqlite";
import type { Hint } from "../error.ts";
import { mendingHints } from "./copies.ts";
import { openDatabase } from "./database.ts";
import { damageOf, orphansOf } from "./soundness.ts";
import { databaseError } from "./store_error.ts";
import { type Migration, refuseUnusable, schemaVersion } from "./migrations.ts";

export interface Inspection {
  schema: { found: number; newest: number };
  /** What SQLite's own check and the foreign keys say; empty when all is well. */
  damage: readonly string[];
  /** False: too large to be read through in a moment. */
  checked: boolean;
  /** How to put it aside, and what can take its place. */
  mending: readonly [Hint, ...Hint[]];
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
      mending: mendingHints(path),
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
