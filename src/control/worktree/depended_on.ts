/** Whether the work of the tasks that another one depends on is in its tree. */
import type { Place } from "../../host/git/deliver.ts";
import { isAncestor } from "../../host/git/landing.ts";
import { commitOf } from "../../host/git/worktrees.ts";
import type { NewWorktree, Worktree } from "../../store/model.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { NotInTree } from "../protocol.ts";

/** The worktrees of the tasks that are at home in these folders, in their order, whichever was made first. */
export const worktreesOf = (
  homeDirs: readonly string[],
  trees: readonly Worktree[],
): readonly Worktree[] =>
  homeDirs.flatMap((dir) =>
    trees.filter(({ homeDir, removedAt }) => removedAt === null && homeDir === dir)
  );

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
 * Throws `NotInTree` for a tree that does not have what its task depends on: a worktree
 * that was made before that was done, or the tree at home, where it has not been landed.
 */
export async function requireDependedOn(
  { root, taskName, homeRoot }: Pick<NewWorktree, "root" | "taskName" | "homeRoot">,
  needed: readonly Worktree[],
  place: Place,
): Promise<void> {
  const [first] = await notIn("HEAD", { root, trees: needed }, place);
  if (!first) return;
  const what = `cannot run \`${plain(taskName, 80)}\`: it depends on \`${
    plain(first.taskName, 80)
  }\`, and`;
  const where = `that one's commits are on the branch \`${plain(first.branch, 80)}\` alone`;
  throw root === homeRoot
    ? new NotInTree(`${what} ${where}`, [
      { text: "bring them home", command: `ralph land ${shellWord(first.taskName)}` },
      { text: "or begin there", command: `ralph run ${shellWord(taskName)} --worktree` },
    ])
    : new NotInTree(`${what} its worktree, which was there before: ${where}`, [{
      text: "bring them in",
      command: `git -C ${shellWord(root)} merge ${shellWord(first.branch)}`,
    }]);
}
