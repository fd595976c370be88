/** Which processes hold locks on a file, as far as the kernel tells. */
import type { Clock } from "../../clock.ts";
import { plain } from "../../terminal/plain.ts";
import { readProc } from "../process/proc.ts";
import { type FileNumber, fileNumber, type HeldLock, heldLocks, locksOn } from "./proc_locks.ts";

const COMMAND_MAX = 80;

interface LockHolder {
  pid: number;
  /** Its command line, safe to show. */
  command: string;
}

/** Those that keep others from reading or writing one of these files, this process apart. */
export async function lockHolders(
  paths: readonly string[],
  clock: Clock,
): Promise<readonly LockHolder[]> {
  const files = paths.map(fileNumber).filter((file) => file !== undefined);
  const holders: LockHolder[] = [];
  for (const pid of lockingPids(await heldLocks(clock) ?? [], files)) {
    if (pid === Deno.pid) continue;
    const command = await readProc([`/proc/${pid}/cmdline`], clock);
    if (command === undefined) continue;
    holders.push({ pid, command: plain(command.replaceAll("\0", " ").trim(), COMMAND_MAX) });
  }
  return holders;
}

/** Of exclusive locks only. */
export function lockingPids(
  locks: readonly HeldLock[],
  files: readonly FileNumber[],
): readonly number[] {
  const pids = files.flatMap((file) => locksOn(file, locks))
    .filter(({ access }) => access === "WRITE")
    .map(({ pid }) => pid);
  return [...new Set(pids)].filter((pid) => pid > 0);
}
