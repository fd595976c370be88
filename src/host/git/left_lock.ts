/** A lock on git's index that nobody has any more: the git that made it died. */
import type { Clock } from "../../clock.ts";
import { ask } from "../process/ask.ts";

/** Far longer than git keeps it, but for an editor that is open: that one is a process. */
const LEFT_AFTER_MS = 60_000;
const LOOK_MS = 5_000;

/** Who has the file open, and where the machine's gits are at work: lines, none when there are none. */
const HOLDERS = `
find /proc/[0-9]*/fd -lname "$1" 2>/dev/null
grep -lx git /proc/[0-9]*/comm 2>/dev/null | while IFS=/ read -r _ _ pid _; do
  folder=$(readlink "/proc/$pid/cwd" 2>/dev/null) || continue
  case $folder/ in "$2"/*) echo "$pid";; esac
done`;

/**
 * Whether the lock file is older than a minute and no process that can be seen has it: no git is at
 * work under `root`, and nobody has the file open. False where the file is gone by now.
 */
export async function isLockLeft(
  indexLock: string,
  { root, clock }: { root: string; clock: Clock },
): Promise<boolean> {
  const changedAt = changeOf(indexLock);
  if (changedAt === undefined || clock.now() - changedAt < LEFT_AFTER_MS) return false;
  const pattern = indexLock.replaceAll(/[\\*?[\]]/g, "\\$&");
  const answer = await ask(["/bin/sh", "-c", HOLDERS, "sh", pattern, root], {
    clock,
    timeoutMs: LOOK_MS,
  });
  return answer.kind === "ended" && answer.stdout.trim() === "";
}

function changeOf(file: string): number | undefined {
  try {
    return Deno.lstatSync(file).mtime?.getTime();
  } catch {
    return undefined;
  }
}
