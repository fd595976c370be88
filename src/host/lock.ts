/**
 * The lock that a worker holds for life. The kernel frees it when the process ends, however it ends,
 * so a free lock proves that no worker lives, and a pid that was given to another program cannot
 * deceive (flock(2)).
 */
import { type Clock, sleep } from "../clock.ts";
import { RalphError } from "../error.ts";
import { readProc } from "./proc.ts";
import { shellWord } from "../terminal/shell_word.ts";

export interface Lock {
  release(): void;
}

/** Who looks holds a shared lock for a moment: a worker that starts then tries again. */
const RETRY_MS = 20;
const RETRIES = 25;

/** Takes a task's lock for this process; undefined when another worker has it. */
export async function takeLock(path: string, clock: Clock): Promise<Lock | undefined> {
  const file = open(path);
  for (let attempt = 0; attempt < RETRIES; attempt++) {
    if (file.tryLockSync(true)) return { release: () => file.close() };
    await sleep(clock, RETRY_MS);
  }
  file.close();
  return undefined;
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
  try {
    if (!file.tryLockSync(false)) return true;
    whileFree?.();
    return false;
  } finally {
    file.close();
  }
}

/**
 * Whether that process holds the lock now, by the kernel's own list (proc(5), /proc/locks): a pid on
 * record may be another program's by now. Undefined where there is no such list: not on Linux.
 */
export async function holdsLock(
  path: string,
  { pid, clock }: { pid: number; clock: Clock },
): Promise<boolean | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const list = await readProc(["/proc/locks"], clock) ?? "";
  const inode = String(Deno.statSync(path).ino);
  // `1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF`; who waits for it has an arrow.
  const held = list.matchAll(/^\d+: FLOCK +\w+ +WRITE (\d+) [^ ]+:(\d+) /gm);
  return [...held].some(([, holder, on]) => on === inode && Number(holder) === pid);
}

/** Undefined when it is not there. For a look that is enough, on a read-only disk, too. */
function openIfThere(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path, { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw cannotOpen(path, error);
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
    return Deno.openSync(path, { create: true, read: true, write: true, mode: 0o600 });
  } catch (error) {
    throw cannotOpen(path, error);
  }
}

function cannotOpen(path: string, error: unknown): RalphError {
  return new RalphError(
    "state",
    `cannot open the lock file ${path}: ${error instanceof Error ? error.message : error}`,
    [{ text: "see who may write there", command: `ls -l ${shellWord(path)}` }],
    { cause: error },
  );
}
