/**
 * The SQLite file: how it is opened, how a transaction is run, and what its errors mean.
 */
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RalphError } from "../error.ts";

/** How long a statement waits for another process that writes, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/** Each attempt follows a moment in which nobody else had the database: more than enough. */
const ATTEMPTS_MAX = 20;

/** SQLite's primary result codes that mean something to a user (sqlite.org/rescode.html). */
const CODE = {
  busy: 5,
  readOnly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cantOpen: 14,
  notADatabase: 26,
};

/**
 * Opens the database file, making it when it is missing, and changes nothing in it. Throws
 * `RalphError` (`state`) when the file cannot be opened or is no database.
 */
export function openDatabase(
  path: string,
  { readOnly, timeoutMs = BUSY_TIMEOUT_MS }: { readOnly: boolean; timeoutMs?: number },
): DatabaseSync {
  let database: DatabaseSync | undefined;
  if (!readOnly) makePrivateFile(path);
  try {
    database = new DatabaseSync(path, {
      readOnly,
      enableForeignKeyConstraints: true,
    });
    // The option `timeout` has no effect beside `readOnly` (Deno 2.7.11 and 2.9.6, measured).
    database.prepare(`PRAGMA busy_timeout = ${timeoutMs}`).get();
    database.prepare("PRAGMA trusted_schema = OFF").get();
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return database;
  } catch (error) {
    database?.close();
    throw databaseError(error, path);
  }
}

/** SQLite makes its side files with the rights that the database has. */
function makePrivateFile(path: string): void {
  try {
    // Never opened when it is there: closing it would drop the locks that this process may hold on
    // it through SQLite (fcntl(2), sqlite.org/howtocorrupt.html).
    Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return;
    throw notWritable(path, error);
  }
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
 * switch to the write-ahead log, which a new database and the earlier program's have not made yet
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

function isBusy(error: unknown): boolean {
  return error instanceof Error && (error as { errcode?: number }).errcode === CODE.busy;
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

/** Says in a user's words what SQLite reported. Errors that are not SQLite's are passed on. */
export function databaseError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof RalphError) return error;
  const { code, errcode } = error as { code?: string; errcode?: number };
  if (code !== "ERR_SQLITE_ERROR") return error;
  const cause = { cause: error };
  switch (errcode === undefined ? codeOf(error.message) : errcode & 0xff) {
    case CODE.busy:
      return new RalphError(
        "state",
        `cannot use the database ${path}: another program has kept it locked for ${
          BUSY_TIMEOUT_MS / 1000
        } s`,
        [{ text: "see which programs have it open", command: `fuser -v '${path}'` }],
        cause,
      );
    case CODE.readOnly:
    case CODE.cantOpen:
      return notWritable(path, error);
    case CODE.full:
    case CODE.io:
      return new RalphError(
        "state",
        `cannot write the database ${path}: ${error.message}`,
        [{ text: "see how much room there is", command: `df -h '${path}'` }],
        cause,
      );
    case CODE.corrupt:
    case CODE.notADatabase:
      return new RalphError(
        "state",
        `cannot read the database ${path}: ${error.message}. It was left as it is`,
        [{ text: "what is left of it can be read with", command: `sqlite3 '${path}' .recover` }],
        cause,
      );
  }
  return error;
}

function notWritable(path: string, error: unknown): RalphError {
  return new RalphError(
    "state",
    `cannot open the database ${path}: ${error instanceof Error ? error.message : error}`,
    [{ text: "see who may use it", command: `ls -ld '${dirname(path)}' '${path}'` }],
    { cause: error },
  );
}

/** `exec` and the constructor give no error code, only SQLite's text (measured on Deno 2.7.11). */
function codeOf(message: string): number | undefined {
  if (/database is locked/.test(message)) return CODE.busy;
  if (/unable to open/.test(message)) return CODE.cantOpen;
  if (/readonly/.test(message)) return CODE.readOnly;
  if (/is full/.test(message)) return CODE.full;
  if (/disk I\/O/.test(message)) return CODE.io;
  if (/malformed/.test(message)) return CODE.corrupt;
  if (/not a database/.test(message)) return CODE.notADatabase;
  return undefined;
}
