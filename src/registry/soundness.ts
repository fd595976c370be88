/** Whether the database is sound, as far as SQLite can tell. */
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";

/** `integrity_check` reads some 1 GB/s from memory (measured), and far less from a disk. */
const CHECKED_BYTES_MAX = 200_000_000;
const DAMAGE_LINES_MAX = 5;

/**
 * What SQLite finds wrong, the first few lines of it; undefined for a database that is too large to
 * be read through in a moment, unless it is `deep`.
 */
export function damageOf(
  database: DatabaseSync,
  { path, deep }: { path: string; deep: boolean },
): readonly string[] | undefined {
  if (!deep && statSync(path).size > CHECKED_BYTES_MAX) return undefined;
  return database.prepare(`PRAGMA integrity_check(${DAMAGE_LINES_MAX})`).all()
    .map((row) => String(row.integrity_check)).filter((line) => line !== "ok");
}

/** Rows that belong to no other row though they should, the first few of them. */
export function orphansOf(database: DatabaseSync): readonly string[] {
  return database.prepare("PRAGMA foreign_key_check").all().slice(0, DAMAGE_LINES_MAX)
    .map((row) => `a row of ${row.table} belongs to no row of ${row.parent}`);
}
