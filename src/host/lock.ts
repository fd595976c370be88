/**
 * The lock that a worker holds for life. The kernel frees it when the process ends, however it ends,
 * so a free lock proves that no worker lives, and a pid that was given to another program cannot
 * deceive (flock(2)).
 */
import { type Clock, sleep } from "../clock.ts";
import { RalphError } from "../error.ts";

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
  // On a disk that is full or read-only none can be made, and a look needs no more than the file.
  const file = openIfThere(path) ?? open(path);
  try {
    if (!file.tryLockSync(false)) return true;
    whileFree?.();
    return false;
  } finally {
    file.close();
  }
}

function openIfThere(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path, { read: true });
  } catch {
    return undefined;
  }
}

function open(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { create: true, read: true, write: true, mode: 0o600 });
  } catch (error) {
    throw new RalphError(
      "state",
      `cannot open the lock file ${path}: ${error instanceof Error ? error.message : error}`,
      [{ text: "see who may write there", command: `ls -l '${path}'` }],
      { cause: error },
    );
  }
}
