/** Copies of the database, beside it. */
import { statSync } from "node:fs";
import { backup } from "node:sqlite";
import { shellWord } from "../terminal/shell_word.ts";
import { openDatabase } from "./database.ts";
import { databaseError, StoreError } from "./store_error.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * Copies the database at `from`, as it is for everybody else, into the empty file `to`. Throws when it
 * cannot.
 */
export type CopyDatabase = (from: string, to: string) => void;

/**
 * Keeps `<path>.daily`, the database as it was at most a day before the last session began: one copy,
 * in place of the one before it. `now`: epoch milliseconds. Throws as `backUp` does.
 */
export function keepDailyCopy(
  path: string,
  { now, copyDatabase }: { now: number; copyDatabase?: CopyDatabase },
): void {
  const copy = `${path}.daily`;
  const madeAt = statSync(copy, { throwIfNoEntry: false })?.mtimeMs;
  if (madeAt !== undefined && madeAt <= now && now < madeAt + DAY_MS) return;
  backUp(path, { copy, copyDatabase });
}

/**
 * Copies the database as it is for everybody else, on a connection of its own: what a caller has not
 * committed is not in it, and what is still in the log is. Whole or not at all. Throws `StoreError`
 * when no copy can be made.
 */
export function backUp(
  path: string,
  { copy, copyDatabase = vacuumInto }: { copy: string; copyDatabase?: CopyDatabase },
): void {
  const unfinished = `${copy}.part`;
  try {
    Deno.writeFileSync(unfinished, new Uint8Array(), { mode: 0o600 });
    copyDatabase(path, unfinished);
    using file = Deno.openSync(unfinished, { write: true });
    file.syncSync();
    Deno.renameSync(unfinished, copy);
  } catch (error) {
    removeIfAny(unfinished);
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
    // It was never made.
  }
}
