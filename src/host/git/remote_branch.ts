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
  const args = ["for-each-ref", "--format=%(refname)", `refs/remotes/*/${branch}`];
  const printed = await gitText(root, args, options) ?? "";
  return printed.split("\n").filter(Boolean).map((ref) => ref.slice("refs/remotes/".length));
}
