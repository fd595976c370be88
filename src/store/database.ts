/** A connection to the database: how it is opened, and how a transaction is run. */
import { DatabaseSync } from "node:sqlite";
import { hasJournal, hasLog, makeIfMissing, refuseDamagedFiles } from "./database_files.ts";
import { BUSY_TIMEOUT_MS, databaseError, isBusy, StoreError } from "./store_error.ts";

export { StoreError };

/** Each attempt follows a moment in which nobody else had the database: more than enough. */
const ATTEMPTS_MAX = 20;

/**
 * Opens the database file, making it when it is missing, and changes nothing in it. Where even a
 * reader cannot make the side files that it needs, on a disk that is full or read-only, a copy in
 * the temporary folder is read. Throws `StoreError` when the file cannot be opened, is no database or a damaged one.
 */
export function openDatabase(
  path: string,
  { readOnly, timeoutMs = BUSY_TIMEOUT_MS }: { readOnly: boolean; timeoutMs?: number },
): DatabaseSync {
  refuseDamagedFiles(path);
  if (!readOnly) makeIfMissing(path);
  // What a transaction that broke off has written is taken back by whoever comes next.
  const broken = hasJournal(path);
  try {
    return connect(path, { readOnly: readOnly && !broken, timeoutMs });
  } catch (error) {
    const refusal = databaseError(error, { path, timeoutMs });
    const mayBeRead = readOnly && refusal instanceof StoreError && refusal.passing &&
      !isBusy(error) && !hasLog(path) && !broken;
    const database = mayBeRead ? connectToCopy(path) : undefined;
    if (!database) throw refusal;
    return database;
  }
}

function connect(
  location: string,
  { readOnly, timeoutMs }: { readOnly: boolean; timeoutMs: number },
): DatabaseSync {
  const database = new DatabaseSync(location, { readOnly, enableForeignKeyConstraints: true });
  try {
    // The option `timeout` has no effect beside `readOnly` (Deno 2.7.11 and 2.9.6, measured).
    database.prepare(`PRAGMA busy_timeout = ${timeoutMs}`).get();
    database.prepare("PRAGMA trusted_schema = OFF").get();
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * A copy where there is room; undefined where there is none. Without a log all is in the database
 * itself. SQLite could read it as `immutable`, but takes no URI in a program without every permission
 * (Deno 2.7.11, 2.9.6, measured).
 */
function connectToCopy(path: string): DatabaseSync | undefined {
  // The second is in memory, where systemd made it.
  for (const dir of [undefined, `/run/user/${Deno.uid()}`]) {
    let folder: string | undefined;
    try {
      folder = Deno.makeTempDirSync({ prefix: "ralph-", dir });
      const copy = `${folder}/copy.db`;
      Deno.copyFileSync(path, copy);
      Deno.chmodSync(copy, 0o600);
      return connect(copy, { readOnly: true, timeoutMs: 0 });
    } catch {
      // No room there, either.
    } finally {
      // What is open stays readable.
      if (folder !== undefined) Deno.removeSync(folder, { recursive: true });
    }
  }
  return undefined;
}

/**
 * Makes the database durable: readers and one writer at a time through a write-ahead log, and
 * `synchronous = FULL`, since with that log `NORMAL` may lose the last transactions at a power cut
 * (sqlite.org/pragma.html), and what a command says that it recorded must be there in the morning.
 */
export function makeDurable(database: DatabaseSync): void {
  whenFree(database, () => database.prepare("PRAGMA journal_mode = WAL").get());
  database.prepare("PRAGMA synchronous = FULL").get();
}

/**
 * Runs what SQLite refuses at once, in spite of the busy timeout, while others use the database: the
 * switch to the write-ahead log, which a new database and the predecessor's have not made yet
 * (measured on SQLite 3.53). Waits for the others, then tries again. Throws when they do not end.
 */
function whenFree(database: DatabaseSync, work: () => unknown): void {
  for (let attempt = 1;; attempt++) {
    try {
      work();
      return;
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !isBusy(error)) throw error;
      database.prepare("BEGIN EXCLUSIVE").run();
      database.prepare("COMMIT").run();
    }
  }
}

/**
 * Runs `work` in one transaction that takes the write lock at its start, so that it cannot fail
 * half way because another process wrote in between.
 */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.prepare("BEGIN IMMEDIATE").run();
  try {
    const result = work();
    database.prepare("COMMIT").run();
    return result;
  } catch (error) {
    if (database.isTransaction) database.prepare("ROLLBACK").run();
    throw error;
  }
}
