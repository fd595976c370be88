/** Which processes hold locks on a file, as far as the kernel tells. */
import { statSync } from "node:fs";
import type { Clock } from "../clock.ts";
import { plain } from "../terminal/plain.ts";
import { readProc } from "./proc.ts";

const COMMAND_MAX = 80;

export interface LockHolder {
  pid: number;
  /** Its command line, safe to show. */
  command: string;
}

/** Those that keep others from reading or writing one of these files, this process apart. */
export async function lockHolders(
  files: readonly string[],
  clock: Clock,
): Promise<readonly LockHolder[]> {
  const table = await readProc(["/proc/locks"], clock);
  if (table === undefined) return [];
  const holders: LockHolder[] = [];
  for (const pid of lockingPids(table, files.flatMap(nameInTable))) {
    if (pid === Deno.pid) continue;
    const command = await readProc([`/proc/${pid}/cmdline`], clock);
    if (command === undefined) continue;
    holders.push({ pid, command: plain(command.replaceAll("\0", " ").trim(), COMMAND_MAX) });
  }
  return holders;
}

/** `names`: files as the table names them, `08:01:1234`. Exclusive locks only (proc(5)). */
export function lockingPids(table: string, names: readonly string[]): readonly number[] {
  const pids = table.split("\n").flatMap((line) => {
    // 1: POSIX  ADVISORY  WRITE 1234 08:01:5678 120 120
    const [, , , access, pid, name] = line.trim().split(/\s+/);
    return access === "WRITE" && names.includes(name) ? [Number(pid)] : [];
  });
  return [...new Set(pids)].filter((pid) => pid > 0);
}

/** None for a file that is not there. */
function nameInTable(file: string): string[] {
  const facts = statSync(file, { throwIfNoEntry: false });
  if (!facts) return [];
  // How Linux packs both numbers into one (makedev(3)).
  const device = BigInt(facts.dev);
  const major = (device >> 8n) & 0xfffn;
  const minor = (device & 0xffn) | ((device >> 12n) & 0xfff00n);
  const hex = (number: bigint) => number.toString(16).padStart(2, "0");
  return [`${hex(major)}:${hex(minor)}:${facts.ino}`];
}
