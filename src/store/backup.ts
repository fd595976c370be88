/** Copies of the database, beside it. */
import { statSync } from "node:fs";
import { backup } from "node:sqlite";
import { partName, replaceFile } from "../host/files/atomic_write.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { endsBeside } from "./copies.ts";
import { openDatabase } from "./database.ts";
import { databaseError, StoreError } from "./store_error.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * Copies the database at `from`, as it is for everybody else, into the empty file `to`. Throws when it
 * cannot.
 */
export type CopyDatabase = (from: string, to: string) => void;

/** Longer than a copy takes: what was not written to since then has nobody who goes on with it. */
const ABANDONED_MS = 60 * 60 * 1_000;

/**
 * Keeps `<path>.daily`, the database as it was at most a day before the last session began: one copy,
 * in place of the one before it. A copy that another process made in the meantime will do. `now`:
 * epoch milliseconds. Throws as `backUp` does.
 */
export function keepDailyCopy(
  path: string,
  { now, copyDatabase }: { now: number; copyDatabase?: CopyDatabase },
): void {
  const copy = `${path}.daily`;
  const madeAt = touchedAt(copy);
  if (madeAt !== undefined && madeAt <= now && now < madeAt + DAY_MS) return;
  removeAbandoned(path, now);
  try {
    backUp(path, { copy, copyDatabase });
  } catch (error) {
    // Not by its age: it was made after `now`.
    if (touchedAt(copy) === madeAt) throw error;
  }
}

/** Epoch milliseconds; undefined when there is no such file. */
const touchedAt = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs;

/** What a process left that was killed while it made the database or a daily copy. */
const PART = /^(\.daily)?(\.\d+(-[\da-f]+)?)?\.part(-journal)?$/;

function removeAbandoned(database: string, now: number): void {
  for (const end of endsBeside(database)) {
    if (!PART.test(end)) continue;
    if ((touchedAt(database + end) ?? now) + ABANDONED_MS < now) removeIfAny(database + end);
  }
}

/**
 * Copies the database as it is for everybody else, on a connection of its own: what a caller has not
 * committed is not in it, and what is still in the log is. Atomically. `part`: the copy's name until it
 * is done. Throws `StoreError` when no copy can be made.
 */
export function backUp(
  path: string,
  { copy, part = partName(copy), copyDatabase = vacuumInto }: {
    copy: string;
    part?: string;
    copyDatabase?: CopyDatabase;
  },
): void {
  try {
    replaceFile(copy, (to) => copyDatabase(path, to), { part, durable: true });
  } catch (error) {
    const reason = databaseError(error, { path });
    throw new StoreError(
      `cannot copy the database ${path} to ${copy}: ` +
        `${reason instanceof Error ? reason.message : reason}. It was left as it is`,
      {
        passing: !(reason instanceof StoreError) || reason.passing,
        hints: [{ text: "see how much room there is", command: `df -h ${shellWord(path)}` }],
        cause: error,
      },
    );
  }
}

/** Deno lets only a program with every permission do that (2.7.11 and 2.9.6, measured). */
function vacuumInto(from: string, to: string): void {
  const reader = openDatabase(from, { readOnly: true });
  try {
    reader.prepare("VACUUM INTO ?").run(to);
  } finally {
    reader.close();
  }
}

/** The same for every program, which has to wait for it. Throws `StoreError`. */
export async function copyPages(from: string, to: string): Promise<void> {
  const reader = openDatabase(from, { readOnly: true });
  try {
    await backup(reader, to);
  } catch (error) {
    throw databaseError(error, { path: to });
  } finally {
    reader.close();
  }
}

function removeIfAny(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Another process has removed it.
  }
}
