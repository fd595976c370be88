/**
 * The lock that a worker holds for life. The kernel frees it when the process ends, however it ends,
 * so a free lock proves that no worker lives, and a pid that was given to another program cannot
 * deceive (flock(2)).
 */
import { type Clock, sleep } from "../../clock.ts";
import { RalphError } from "../../error.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { requireOwnFile, textOf } from "../files/read_file.ts";
import { fileNumber, heldLocks, locksOn } from "./proc_locks.ts";

export interface Lock {
  /** Leaves words for those who find the lock taken; see `noteIn`. */
  note(text: string): void;
  /** Leaves in the file's time that it was held at `now`, in epoch milliseconds; see `touchedAt`. */
  touch(now: number): void;
  release(): void;
}

/** Who looks holds a shared lock for a moment: a worker that starts then tries again. */
const RETRY_MS = 20;
const RETRIES = 25;

/** Takes a task's lock for this process; undefined when another worker has it. */
export async function takeLock(path: string, clock: Clock): Promise<Lock | undefined> {
  const file = open(path);
  for (let attempt = 0; attempt < RETRIES; attempt++) {
    if (file.tryLockSync(true)) return lockOf(file);
    await sleep(clock, RETRY_MS);
  }
  file.close();
  return undefined;
}

/** The same without a second try. */
export function tryLock(path: string): Lock | undefined {
  const file = open(path);
  if (file.tryLockSync(true)) return lockOf(file);
  file.close();
  return undefined;
}

const lockOf = (file: Deno.FsFile): Lock => ({
  note: noteInto(file),
  touch: touchOf(file),
  release: () => giveBack(file),
});

/** To close it is not enough: a program that another thread is starting has a copy of it until it runs (fork(2)). */
function giveBack(file: Deno.FsFile): void {
  file.unlockSync();
  file.close();
}

/** What cannot be left there, as on a full disk, stops no work. */
function noteInto(file: Deno.FsFile): Lock["note"] {
  return (text) => {
    try {
      file.truncateSync(0);
      file.seekSync(0, Deno.SeekMode.Start);
      file.writeSync(new TextEncoder().encode(text));
    } catch {
      // Whoever finds the lock taken is then told less.
    }
  };
}

/** What cannot be left there stops no work. */
function touchOf(file: Deno.FsFile): Lock["touch"] {
  return (now) => {
    try {
      file.utimeSync(new Date(now), new Date(now));
    } catch {
      // How long the worker was there is then less well known, should it be killed.
    }
  };
}

/** When whoever held the lock last was there last, in epoch milliseconds; undefined where that is not known. */
export function touchedAt(path: string): number | undefined {
  try {
    return Deno.lstatSync(path).mtime?.getTime();
  } catch {
    return undefined;
  }
}

/**
 * The words of who holds the lock, or of who held it last: only a lock that is held makes them true.
 * Undefined when there are none.
 */
export function noteIn(path: string): string | undefined {
  return textOf(path, { own: true }) || undefined;
}

/**
 * Whether a worker holds the lock. When none does, `whileFree` runs before one can take it: what it
 * writes about the dead worker is then certain.
 */
export function workerLives(path: string, whileFree?: () => void): boolean {
  const file = openIfThere(path) ?? make(path);
  if (!file) {
    whileFree?.();
    return false;
  }
  if (!file.tryLockSync(false)) {
    file.close();
    return true;
  }
  try {
    whileFree?.();
    return false;
  } finally {
    giveBack(file);
  }
}

/**
 * Whether that process holds the lock now, by the kernel's own list: a pid on record may be another
 * program's by now. Undefined where there is no such list: not on Linux.
 */
export async function holdsLock(
  path: string,
  { pid, clock }: { pid: number; clock: Clock },
): Promise<boolean | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const file = fileNumber(path);
  if (!file) return false;
  return locksOn(file, await heldLocks(clock) ?? [])
    .some((lock) => lock.kind === "FLOCK" && lock.access === "WRITE" && lock.pid === pid);
}

/** Undefined when it is not there. For a look that is enough, on a read-only disk, too. */
function openIfThere(path: string): Deno.FsFile | undefined {
  try {
    requireOwnFile(path);
    return Deno.openSync(path, { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new LockError(path, error);
  }
}

/** Undefined when it cannot be made: then no worker can hold it, and none can begin. */
function make(path: string): Deno.FsFile | undefined {
  try {
    return open(path);
  } catch {
    return undefined;
  }
}

function open(path: string): Deno.FsFile {
  try {
    requireOwnFile(path, { toWrite: true });
    return Deno.openSync(path, { create: true, read: true, write: true, mode: 0o600 });
  } catch (error) {
    throw new LockError(path, error);
  }
}

/** A lock that nobody can look at: whether a worker holds it is not known. */
export class LockError extends RalphError {
  constructor(path: string, cause: unknown) {
    super(
      "state",
      `cannot open the lock file ${path}: ${cause instanceof Error ? cause.message : cause}`,
      [{ text: "see who may write there", command: `ls -ld ${shellWord(path)}` }],
      { cause },
    );
  }
}
