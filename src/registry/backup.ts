/** Copies of the database, beside it. */
import { statSync } from "node:fs";
import { shellWord } from "../terminal/shell_word.ts";
import { openDatabase } from "./database.ts";
import { databaseError, StoreError } from "./store_error.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * Keeps `<path>.daily`, the database as it was at most a day before the last session began: one copy,
 * in place of the one before it. `now`: epoch milliseconds. Throws as `backUp` does.
 */
export function keepDailyCopy(path: string, now: number): void {
  const copy = `${path}.daily`;
  const madeAt = statSync(copy, { throwIfNoEntry: false })?.mtimeMs;
  if (madeAt !== undefined && madeAt <= now && now < madeAt + DAY_MS) return;
  backUp(path, copy);
}

/**
 * Copies the database as it is for everybody else, on a connection of its own: what a caller has not
 * committed is not in it, and what is still in the log is. Whole or not at all. Throws `StoreError`
 * when no copy can be made.
 */
export function backUp(path: string, copy: string): void {
  const unfinished = `${copy}.part`;
  try {
    Deno.writeFileSync(unfinished, new Uint8Array(), { mode: 0o600 });
    vacuumInto(unfinished, path);
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

function vacuumInto(copy: string, path: string): void {
  const reader = openDatabase(path, { readOnly: true });
  try {
    reader.prepare("VACUUM INTO ?").run(copy);
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
