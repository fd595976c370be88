/** What SQLite and the file system say of the database, in a user's words. */
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { type Hint, RalphError } from "../error.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { fixHints } from "./copies.ts";

/** How long a statement waits for another process that writes, in milliseconds. */
export const BUSY_TIMEOUT_MS = 5_000;

/**
 * The database cannot be used. `passing`: the same may succeed later, when there is room again or
 * another program has let go, so that a worker waits; otherwise only a person can fix it.
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
  error: 1,
  busy: 5,
  readOnly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cantOpen: 14,
  notADatabase: 26,
};

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
          hints: [{
            text: "see which programs have it open",
            command: `fuser -v ${shellWord(path)}`,
          }],
          cause: error,
        },
      );
    case CODE.readOnly:
    case CODE.cantOpen:
      return notWritable(path, error);
    case CODE.full:
    case CODE.io:
      return noRoom(path) ?? new StoreError(`cannot use the database ${path}: ${error.message}`, {
        passing: true,
        hints: [seeRoom(path)],
        cause: error,
      });
    case CODE.corrupt:
    case CODE.notADatabase:
      return unreadable(path, error);
    case CODE.error:
      if (/^no such (table|column)/.test(error.message)) return unreadable(path, error);
  }
  return error;
}

/**
 * The error for a database that must not be used as it is. `why`: what is wrong with it, in words that
 * are safe to show. `hints`: what to do about that, in place of putting the whole database aside.
 */
export function damaged(
  path: string,
  why: string,
  { hints = fixHints(path), cause }: { hints?: readonly Hint[]; cause?: unknown } = {},
): StoreError {
  const message = `cannot use the database ${path}: ${why}. It was left as it is`;
  return new StoreError(message, { passing: false, hints, cause });
}

function unreadable(path: string, error: Error): StoreError {
  const rest = {
    text: "what is left of it can be read with",
    command: `sqlite3 ${shellWord(path)} .recover`,
  };
  return damaged(path, error.message, { hints: [...fixHints(path), rest], cause: error });
}

export function notWritable(path: string, error: unknown): StoreError {
  const folder = dirname(path);
  return new StoreError(
    `cannot open the database ${path}: ${error instanceof Error ? error.message : error}`,
    {
      passing: true,
      hints: [
        // Its side files, too: SQLite makes them with the rights that the database then had.
        { text: "see who may use it", command: `ls -la ${shellWord(folder)}` },
        { text: "see whether its disk is read-only", command: `findmnt -T ${shellWord(folder)}` },
      ],
      cause: error,
    },
  );
}

/** Less than SQLite's side files need. Some writes without room are reported as other errors. */
const ROOM_MIN_BYTES = 64 * 1024;

/** The error for a database whose disk is full; undefined while there is room. */
export function noRoom(path: string): StoreError | undefined {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    if (bavail * bsize >= ROOM_MIN_BYTES) return undefined;
  } catch {
    return undefined;
  }
  return new StoreError(`cannot write the database ${path}: no space is left on its disk`, {
    passing: true,
    hints: [seeRoom(path)],
  });
}

function seeRoom(path: string): Hint {
  return { text: "see how much room there is", command: `df -h ${shellWord(dirname(path))}` };
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

/** Whether another program has the database locked. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && (error as { errcode?: number }).errcode === CODE.busy;
}
