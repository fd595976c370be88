/** The database's files as they are before SQLite sees them: whole, and the same as before. */
import { lstatSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Hint } from "../error.ts";
import { addFile } from "../host/files/atomic_write.ts";
import { openFile } from "../host/files/read_file.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { damaged, databaseError, notWritable, StoreError } from "./store_error.ts";

/** Whether there is a database, or something left of one. */
export function hasDatabase(path: string): boolean {
  return isThere(path) || hasLog(path);
}

/**
 * Refuses what SQLite would take for a new database, or for one that has nothing in its log, and
 * would then write over. ralph's own is never empty, see `makeIfMissing`. Other processes may be
 * making it at this moment: each file is asked for once, and the log first, which comes into being
 * after the database.
 */
export function refuseDamagedFiles(path: string): void {
  refuseStrangeFiles(path);
  const log = hasLog(path);
  const own = ownFactsOf(path);
  if (!own) {
    if (log) throw damaged(path, "it is gone, and its log is still there");
    return;
  }
  const facts = own.isSymbolicLink() ? factsOf(path) : own;
  if (!facts) throw damaged(path, "it is a link that leads nowhere");
  if (!facts.isFile()) throw damaged(path, "it is not a file");
  if (facts.size === 0) throw damaged(path, "it is empty");
  const start = log ? startOfLog(path) : undefined;
  if (start !== undefined && !LOG_STARTS.includes(start)) {
    throw damaged(path, `its log ${logOf(path)} is damaged`, { hints: [putLogAside(logOf(path))] });
  }
}

/** SQLite waits for a pipe, and writes through a link. */
function refuseStrangeFiles(path: string): void {
  const real = realPathOf(path);
  for (const file of ["-journal", "-wal", "-shm"].map((end) => real + end)) {
    const facts = ownFactsOf(file);
    if (!facts || facts.isFile()) continue;
    const command = `mv ${shellWord(file)} ${shellWord(`${file}.damaged`)}`;
    throw damaged(path, `${file}, which SQLite keeps beside it, is not a file`, {
      hints: [{ text: "put it aside", command }],
    });
  }
}

/** The first four bytes of a write-ahead log (sqlite.org/fileformat2.html, 4.1). */
const LOG_STARTS: readonly number[] = [0x377f0682, 0x377f0683];

/** Shorter ones have nothing in them yet. */
const LOG_HEADER_BYTES = 32;

/** Whether there is something in the write-ahead log. */
export function hasLog(path: string): boolean {
  const facts = factsOf(logOf(path));
  return facts !== undefined && facts.isFile() && facts.size > LOG_HEADER_BYTES;
}

/** Whether a transaction broke off before the database had a write-ahead log, or is under way. */
export function hasJournal(path: string): boolean {
  const facts = factsOf(`${realPathOf(path)}-journal`);
  return facts !== undefined && facts.size > 0;
}

const logOf = (path: string) => `${realPathOf(path)}-wal`;

/** SQLite's files are beside the one that a link leads to. */
function realPathOf(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}

/** Undefined when the last program that used the log has just removed or emptied it. */
function startOfLog(path: string): number | undefined {
  try {
    using file = openFile(logOf(path));
    const start = file?.readAt(0, 4);
    return start?.length === 4 ? new DataView(start.buffer).getUint32(0) : undefined;
  } catch (error) {
    throw notWritable(path, error);
  }
}

function putLogAside(log: string): Hint {
  const command = `mv ${shellWord(log)} ${shellWord(`${log}.damaged`)}`;
  return { text: "put the log aside, and go on without what was recorded last", command };
}

/** Undefined where there is nothing. Links are followed. */
function factsOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    // A link that leads to itself.
    if (codeOf(error) === "ELOOP" || isInNoFolder(error)) return undefined;
    throw notWritable(path, error);
  }
}

/**
 * Makes a database without tables, atomically: so an empty file is always one that lost its
 * content. SQLite makes the side files with the rights that the database has.
 */
export function makeIfMissing(path: string): void {
  if (isThere(path)) return;
  try {
    // Unless another process was faster.
    addFile(path, fillWithNothing);
  } catch (error) {
    const refusal = databaseError(error, { path });
    throw refusal instanceof StoreError ? refusal : notWritable(path, error);
  }
}

function fillWithNothing(path: string): void {
  const database = new DatabaseSync(path);
  try {
    // Writes the first page; a change of the journal's mode would fail without a word.
    database.prepare("PRAGMA user_version = 0").run();
  } finally {
    database.close();
  }
}

/** A link counts wherever it leads. */
const isThere = (path: string) => ownFactsOf(path) !== undefined;

/** Undefined where there is nothing. Links are not followed. */
function ownFactsOf(path: string) {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (isInNoFolder(error)) return undefined;
    throw notWritable(path, error);
  }
}

/** A file stands where the folder should: whoever makes the folder says so. */
const isInNoFolder = (error: unknown) => codeOf(error) === "ENOTDIR";

const codeOf = (error: unknown) => (error as { code?: string }).code;

/**
 * Remembers which files are open: the returned function throws `StoreError` when the path leads to
 * others by now, or to none. What is written then would be lost: SQLite does not notice (3.53,
 * measured). Call it while the database is open for writing: its log stays the same file until the
 * last program has closed it (sqlite.org/wal.html).
 */
export function requireSameFiles(path: string): () => void {
  const files = [path, logOf(path)].map((file) => ({ file, opened: identity(file) }));
  return () => {
    const moved = files.find(({ file, opened }) => identity(file) !== opened);
    if (!moved) return;
    throw new StoreError(
      `the database ${path} was removed or replaced while it was open: ${moved.file} is ` +
        "another file now, or gone. Nothing more is recorded",
      {
        passing: false,
        hints: [{ text: "see what is there now", command: `ls -li ${shellWord(dirname(path))}` }],
      },
    );
  };
}

/** Device and inode; undefined when there is no such file. */
function identity(path: string): string | undefined {
  const facts = factsOf(path);
  return facts && `${facts.dev}:${facts.ino}`;
}
