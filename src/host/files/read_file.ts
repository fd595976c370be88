/**
 * Reading files that may not be there, or not be what they should: a named pipe would be waited for
 * until somebody writes (open(2)), and a sparse file of gigabytes takes no room on the disk. So files
 * are opened without waiting, and their size is looked at before they are read.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from "node:fs";
import { type ErrorKind, RalphError } from "../../error.ts";
import { seeWhatItIs } from "../../terminal/shell_word.ts";

/** A regular file, open for reading. */
export interface OpenFile extends Disposable {
  /** In bytes, when it was opened. */
  readonly size: number;
  readonly ino: number;
  /** The bytes from `position` on, `length` of them at most. */
  readAt(position: number, length: number): Uint8Array;
}

/** Longer texts are none that ralph has anything to do with. In bytes. */
const TEXT_MAX = 1024 ** 2;
/** What ralph keeps as JSON grows with the project: some 300,000 changed files. In bytes. */
export const STORED_MAX = 64 * 1024 ** 2;

/**
 * Opens a file and waits for nothing. Undefined when there is none; throws `Error` with the reason for
 * one that cannot be opened, and for what is no file. `own`: a file of ralph's own, which is no link.
 */
export function openFile(path: string, { own = false } = {}): OpenFile | undefined {
  let fd: number;
  try {
    if (own) requireOwnFile(path);
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    // A socket.
    throw codeOf(error) === "ENXIO" ? new Error(NO_FILE, { cause: error }) : error;
  }
  try {
    const { size, ino, isFile } = factsOf(fd);
    if (!isFile) throw new Error(NO_FILE);
    return {
      size,
      ino,
      readAt: (position, length) => readAt(fd, position, length),
      [Symbol.dispose]: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

const NO_FILE = "it is not a file";

/**
 * Throws `Error` for what is there and can be no file of ralph's own: a link, a pipe, a folder; `toWrite`:
 * also a file that has another name, so that it may be somebody else's (reading it does no harm, and
 * a backup may consist of such names).
 * O_NOFOLLOW would not do: Deno itself follows links in a program without every permission (2.7.11,
 * 2.9.6, measured).
 */
export function requireOwnFile(path: string, { toWrite = false } = {}): void {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts?.isSymbolicLink()) throw new Error("it is a link, and ralph makes none there");
  if (facts && !facts.isFile()) throw new Error(NO_FILE);
  if (toWrite && facts && facts.nlink > 1) {
    throw new Error("it has another name too (a hard link), and ralph gives it none");
  }
}

function factsOf(fd: number) {
  const facts = fstatSync(fd);
  return { size: facts.size, ino: facts.ino, isFile: facts.isFile() };
}

function readAt(fd: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let read = 0;
  while (read < length) {
    const count = readSync(fd, bytes, read, length - read, position + read);
    if (count === 0) break;
    read += count;
  }
  return bytes.subarray(0, read);
}

/**
 * The bytes of a file; undefined when there is none. Throws `Error` with the reason as `openFile` does,
 * and for one of more than `maxBytes`. A file of no size is empty, whatever is read from it: those in
 * /proc may make the reader wait (proc(5)).
 */
export function readWhole(
  path: string,
  maxBytes: number,
  { own }: { own?: boolean } = {},
): Uint8Array | undefined {
  using file = openFile(path, { own });
  if (!file) return undefined;
  if (file.size > maxBytes) throw new Error(`it has more than ${sizeWords(maxBytes)}`);
  return file.readAt(0, file.size);
}

/** `64 KiB`, `8 MiB`: of a whole number of them. */
const sizeWords = (bytes: number) =>
  bytes < 1024 ** 2 ? `${bytes / 1024} KiB` : `${bytes / 1024 ** 2} MiB`;

/** The same with a `RalphError` of that kind in place of `Error`. */
export function readFileIfAny(
  path: string,
  maxBytes: number,
  { kind = "usage", own }: { kind?: ErrorKind; own?: boolean } = {},
): Uint8Array | undefined {
  return orRefuse(path, kind, () => readWhole(path, maxBytes, { own }));
}

/** Of a file that may be of any size, as much as anybody reads. In bytes. */
const ENDS = { start: 256 * 1024, end: 1024 * 1024 };

/** The text of a file of any size, with `…` for what is left out of the middle of a very long one. */
export function textEndsIfAny(path: string): string | undefined {
  return orRefuse(path, "usage", () => {
    using file = openFile(path);
    if (!file) return undefined;
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    if (file.size <= ENDS.start + ENDS.end) return decode(file.readAt(0, file.size));
    const start = decode(file.readAt(0, ENDS.start));
    const end = decode(file.readAt(file.size - ENDS.end, ENDS.end));
    return `${start}\n…\n${end}`;
  });
}

function orRefuse<T>(path: string, kind: ErrorKind, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RalphError(kind, `cannot read ${path}: ${reason}`, [
      seeWhatItIs(path),
    ], { cause: error });
  }
}

/** Whether something is there under this path. */
export function fileExists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * The text of a file; undefined when it cannot be read, for whatever reason, or has more than 1 MiB.
 * `own` as for `openFile`.
 */
export function textOf(path: string, { own }: { own?: boolean } = {}): string | undefined {
  try {
    const bytes = readWhole(path, TEXT_MAX, { own });
    return bytes && new TextDecoder().decode(bytes);
  } catch {
    return undefined;
  }
}

const codeOf = (error: unknown) => (error as { code?: string }).code;
const isAbsent = (error: unknown) => ["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "");
