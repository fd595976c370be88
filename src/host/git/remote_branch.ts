/** A branch that is not here, and that a remote is known to have: somebody has pushed it. */
import type { Clock } from "../../clock.ts";
import { gitText } from "./run_git.ts";

/**
 * The remotes' branches of that name, as `origin/name`. Where it is one, work goes on from it, as with
 * `git switch --guess` (git-switch(1)); nothing is fetched.
 */
export async function branchesOfRemotes(
  root: string,
  branch: string,
  options: { clock: Clock; signal?: AbortSignal },
): Promise<readonly string[]> {
  // In a pattern a star stands for one part of a name.
  const refs = await refsLike(root, [`refs/remotes/*/${branch}`], options) ?? [];
  return refs.map(withoutRemotes);
}

/** Where a branch is that is to be checked out. */
export type BranchPlace =
  | { kind: "here" }
  /** It is made from the remote's, as `origin/name`, which it tracks. */
  | { kind: "pushed"; remote: string }
  /** Nowhere, or on several remotes, of which none is taken. */
  | { kind: "none" };

/** For a person who waits. */
const GIT_MS = 2_000;

/** Undefined when git does not answer within 2 s. */
export async function placeOfBranch(
  root: string,
  branch: string,
  clock: Clock,
): Promise<BranchPlace | undefined> {
  const own = `refs/heads/${branch}`;
  const refs = await refsLike(root, [own, `refs/remotes/*/${branch}`], {
    clock,
    timeoutMs: GIT_MS,
  });
  if (refs?.includes(own)) return { kind: "here" };
  const pushed = refs?.filter((ref) => ref.startsWith("refs/remotes/")).map(withoutRemotes);
  const [remote, ...others] = pushed ?? [];
  if (remote !== undefined && others.length === 0) return { kind: "pushed", remote };
  return refs && { kind: "none" };
}

async function refsLike(
  root: string,
  patterns: readonly string[],
  options: { clock: Clock; signal?: AbortSignal; timeoutMs?: number },
): Promise<readonly string[] | undefined> {
  const printed = await gitText(
    root,
    ["for-each-ref", "--format=%(refname)", ...patterns],
    options,
  );
  return printed?.split("\n").filter(Boolean);
}

const withoutRemotes = (ref: string) => ref.slice("refs/remotes/".length);
