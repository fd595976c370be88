/** Whether the database is whole, as far as SQLite can tell. */
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";

/** `integrity_check` reads some 1 GB/s from memory (measured), and far less from a disk. */
const CHECKED_BYTES_MAX = 200_000_000;
const DAMAGE_LINES_MAX = 5;

/** Lines that are asked for where some do not count. */
const LINES_MAX = 1_000;
/** What `integrity_check` says of a row that is whole, and has something in it that may not be there. */
const OF_A_VALUE = /^(NULL|non-\w+|\w+) value in |^CHECK constraint failed in /;

/**
 * What SQLite finds wrong, the first few lines of it; undefined for a database that is too large to
 * be read through in a moment, unless it is `deep`.
 */
export function damageOf(
  database: DatabaseSync,
  { path, deep }: { path: string; deep: boolean },
): readonly string[] | undefined {
  if (!deep && statSync(path).size > CHECKED_BYTES_MAX) return undefined;
  return integrityLines(database, DAMAGE_LINES_MAX);
}

/**
 * Whether what is written into the database may be lost: a row with a value that may not be there is no
 * such damage. What SQLite says of it; undefined when all is well, or the database is too large.
 */
export function structuralDamageOf(database: DatabaseSync, path: string): string | undefined {
  if (statSync(path).size > CHECKED_BYTES_MAX) return undefined;
  return integrityLines(database, LINES_MAX).find((line) => !OF_A_VALUE.test(line));
}

function integrityLines(database: DatabaseSync, max: number): readonly string[] {
  return database.prepare(`PRAGMA integrity_check(${max})`).all()
    .map((row) => String(row.integrity_check)).filter((line) => line !== "ok");
}

/** Rows that belong to no other row though they should, the first few of them. */
export function orphansOf(database: DatabaseSync): readonly string[] {
  return database.prepare("PRAGMA foreign_key_check").all().slice(0, DAMAGE_LINES_MAX)
    .map((row) => `a row of ${row.table} belongs to no row of ${row.parent}`);
}
