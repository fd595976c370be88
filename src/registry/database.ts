/**
 * The SQLite file: how it is opened, how a transaction is run, and what its errors mean.
 */
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Hint, RalphError } from "../error.ts";

/** How long a statement waits for another process that writes, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/** Each attempt follows a moment in which nobody else had the database: more than enough. */
const ATTEMPTS_MAX = 20;

/**
 * The database cannot be used. `passing`: the same may succeed later, when there is room again or
 * another program has let go, so that a worker waits; otherwise only a person can mend it.
 */
export class StoreError extends RalphError {
  readonly passing: boolean;
  constructor(
    message: string,
    { passing, hints, cause }: { passing: boolean; hints: readonly Hint[]; cause?: unknown },
  ) {
    super("state", message, hints, { cause });
    this.passing = passing;
  }
}

/** What a message about the database names. */
export interface DatabasePlace {
  path: string;
  /** How long its statements wait for another program, in milliseconds. Default: 5 000. */
  timeoutMs?: number;
}

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
 * `StoreError` when the file cannot be opened or is no database.
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
    throw databaseError(error, { path, timeoutMs });
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

/**
 * Remembers which files are open: the returned function throws `StoreError` when the path leads to
 * others by now, or to none. What is written then would be lost: SQLite does not notice (3.53,
 * measured). Call it while the database is open for writing: its log stays the same file until the
 * last program has closed it (sqlite.org/wal.html).
 */
export function requireSameFiles(path: string): () => void {
  const files = [path, `${path}-wal`].map((file) => ({ file, opened: identity(file) }));
  return () => {
    const moved = files.find(({ file, opened }) => identity(file) !== opened);
    if (!moved) return;
    throw new StoreError(
      `the database ${path} was removed or replaced while it was open: ${moved.file} is ` +
        "another file now, or gone. Nothing more is recorded",
      {
        passing: false,
        hints: [{ text: "see what is there now", command: `ls -li '${path}'*` }],
      },
    );
  };
}

/** Device and inode; undefined when there is no such file. */
function identity(path: string): string | undefined {
  try {
    const facts = statSync(path, { throwIfNoEntry: false });
    return facts && `${facts.dev}:${facts.ino}`;
  } catch (error) {
    throw notWritable(path, error);
  }
}

/** Says in a user's words what SQLite reported. Errors that are not SQLite's are passed on. */
export function databaseError(
  error: unknown,
  { path, timeoutMs = BUSY_TIMEOUT_MS }: DatabasePlace,
): unknown {
  if (!(error instanceof Error) || error instanceof RalphError) return error;
  const { code, errcode } = error as { code?: string; errcode?: number };
  if (code !== "ERR_SQLITE_ERROR") return error;
  switch (errcode === undefined ? codeOf(error.message) : errcode & 0xff) {
    case CODE.busy:
      return new StoreError(
        `cannot use the database ${path}: another program has kept it locked for ${
          timeoutMs / 1000
        } s`,
        {
          passing: true,
          hints: [{ text: "see which programs have it open", command: `fuser -v '${path}'` }],
          cause: error,
        },
      );
    case CODE.readOnly:
    case CODE.cantOpen:
      return notWritable(path, error);
    case CODE.full:
    case CODE.io:
      return new StoreError(`cannot write the database ${path}: ${error.message}`, {
        passing: true,
        hints: [{ text: "see how much room there is", command: `df -h '${path}'` }],
        cause: error,
      });
    case CODE.corrupt:
    case CODE.notADatabase:
      return new StoreError(
        `cannot read the database ${path}: ${error.message}. It was left as it is`,
        {
          passing: false,
          hints: [
            { text: "what is left of it can be read with", command: `sqlite3 '${path}' .recover` },
          ],
          cause: error,
        },
      );
  }
  return error;
}

function notWritable(path: string, error: unknown): StoreError {
  return new StoreError(
    `cannot open the database ${path}: ${error instanceof Error ? error.message : error}`,
    {
      passing: true,
      hints: [{ text: "see who may use it", command: `ls -ld '${dirname(path)}' '${path}'` }],
      cause: error,
    },
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
