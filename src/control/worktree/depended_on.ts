/** Whether the work of the tasks that another one depends on is in its tree. */
import { RalphError } from "../../error.ts";
import type { Place } from "../../host/git/deliver.ts";
import { isAncestor } from "../../host/git/landing.ts";
import { commitOf } from "../../host/git/worktrees.ts";
import type { NewWorktree, Worktree } from "../../store/model.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";

/** The worktrees of the tasks that are at home in these folders. */
export const worktreesOf = (
  homeDirs: readonly string[],
  trees: readonly Worktree[],
): readonly Worktree[] =>
  trees.filter(({ homeDir, removedAt }) => removedAt === null && homeDirs.includes(homeDir));

/** Those of the worktrees whose branches `commit` does not have. One that git has no more is in none. */
export async function notIn(
  commit: string,
  { root, trees }: { root: string; trees: readonly Worktree[] },
  place: Place,
): Promise<readonly Worktree[]> {
  const apart: Worktree[] = [];
  for (const tree of trees) {
    const ref = `refs/heads/${tree.branch}`;
    const isThere = await commitOf(root, ref, place) !== undefined;
    if (isThere && !await isAncestor(root, { older: ref, newer: commit }, place)) apart.push(tree);
  }
  return apart;
}

/**
 * Throws `RalphError` (`conflict`) for a worktree that was made before what its task depends on was
 * done, and so does not have it.
 */
export async function requireDependedOn(
  { root, taskName, branch, homeRoot }: NewWorktree,
  needed: readonly Worktree[],
  place: Place,
): Promise<void> {
  const [first] = await notIn(`refs/heads/${branch}`, { root: homeRoot, trees: needed }, place);
  if (!first) return;
  throw new RalphError(
    "conflict",
    `cannot run \`${plain(taskName, 80)}\`: it depends on \`${
      plain(first.taskName, 80)
    }\`, and its ` +
      `worktree, which was there before, does not have that one's commits`,
    [{
      text: "bring them in",
      command: `git -C ${shellWord(root)} merge ${shellWord(first.branch)}`,
    }],
  );
}
