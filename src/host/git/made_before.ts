/** Which commits were there before: whoever takes one in, by a merge or a pull, has not made it. */
import type { Clock } from "../../clock.ts";
import { gitText } from "./run_git.ts";

/** What was known at a moment. */
export interface KnownThen {
  /** The commit that was checked out. */
  readonly head?: string;
  /** The last commits of all branches, and of the other work trees of the repository. */
  readonly tips?: readonly string[];
  /** The last commits that remotes were known to have. */
  readonly remotes?: readonly string[];
  /** When that was, in epoch milliseconds. */
  readonly at?: number;
}

interface Options {
  clock: Clock;
  signal?: AbortSignal;
}

/** Fetched at once, and older than that moment: more of them are taken for new ones. */
const FETCHED_MAX = 20_000;

/**
 * Commits that stand, with all before them, for what was there at that moment. Of what was fetched since
 * (`remotes`: what they are known to have now) it is what was committed earlier: what is younger may have
 * been made here, and pushed. Undefined when git cannot say.
 */
export async function madeBefore(
  root: string,
  { head, tips = [], remotes, at }: KnownThen,
  { remotes: now = [], ...options }: Options & { remotes?: readonly string[] },
): Promise<readonly string[] | undefined> {
  const known = new Set([head, ...tips, ...remotes ?? []].filter((one) => one !== undefined));
  const fetched = now.filter((tip) => !known.has(tip));
  if (remotes === undefined || at === undefined || fetched.length === 0) return [...known];
  // Git counts in seconds: one of the same second was hardly made elsewhere, and fetched.
  const age = `--min-age=${Math.floor(at / 1000) - 1}`;
  const args = ["rev-list", age, `--max-count=${FETCHED_MAX}`];
  const printed = await gitText(root, [...args, "--ignore-missing", "--stdin"], {
    ...options,
    input: [...fetched, ...without(known)].map((line) => `${line}\n`).join(""),
  });
  return printed === undefined ? undefined : [...known, ...printed.split("\n").filter(Boolean)];
}

/** As git's commands about commits take what to leave out (gitrevisions(7)). */
export const without = (commits: Iterable<string>) => [...commits].map((one) => `^${one}`);
