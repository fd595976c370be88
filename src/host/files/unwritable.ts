/** What this user may not write to, as the kernel says. */
import type { Clock } from "../../clock.ts";
import { askExactly } from "../process/ask.ts";
import { modeOf } from "./mode.ts";

export interface Unwritable {
  path: string;
  /** Whose it is. */
  uid: number;
  gid?: number;
}

/** A shell tests 300 paths in some 5 ms, its start included (measured). */
const SHELL_MS = 2_000;
/** access(2), which Deno does not have: groups, access lists and read-only mounts count, and root's rights. */
const TEST = 'for one do [ -w "$one" ] || printf "%s\\0" "$one"; done';

/** Those of the paths, all there, that cannot be written to; none where that cannot be told in time. */
export async function unwritableOf(
  paths: readonly string[],
  clock: Clock,
): Promise<readonly Unwritable[]> {
  const command = ["sh", "-c", TEST, "sh", ...paths];
  const answer = await askExactly(command, { clock, timeoutMs: SHELL_MS });
  if (answer.kind !== "ended" || answer.code !== 0) return [];
  return answer.stdout.split("\0").slice(0, -1).flatMap((path) => {
    const facts = modeOf(path);
    return facts ? [{ path, uid: facts.uid, gid: facts.gid }] : [];
  });
}
