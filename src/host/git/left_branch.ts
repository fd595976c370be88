import type { Clock } from "../../clock.ts";
import { gitText } from "./run_git.ts";

/** Of the reflog: nobody switches more often while a turn is at work. */
const SWITCHES_MAX = 1_000;

/**
 * When this work tree was switched away from `branch` the last time, in epoch milliseconds cut to whole
 * seconds. Undefined where git has not written that down (git-reflog(1)), or does not say.
 */
export async function leftBranchAt(
  root: string,
  branch: string,
  options: { clock: Clock; signal?: AbortSignal },
): Promise<number | undefined> {
  const format = ["--date=unix", "--format=%gd %gs", "--no-show-signature", "--no-color"];
  const args = ["log", "--walk-reflogs", `--max-count=${SWITCHES_MAX}`, ...format, "HEAD", "--"];
  const printed = await gitText(root, args, options);
  for (const line of printed?.split("\n") ?? []) {
    const [, seconds, from] = /@\{(\d+)\} checkout: moving from (\S+) to \S+$/.exec(line) ?? [];
    if (from === branch) return Number(seconds) * 1_000;
  }
  return undefined;
}
