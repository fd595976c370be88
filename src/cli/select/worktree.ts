import { recordedWorktrees, worktreeOf } from "../../control/worktree/find.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import type { Worktree } from "../../store/model.ts";
import { findTask } from "../../task/find.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { CommandContext } from "../command_context.ts";

/**
 * The worktree of the task that is named, here or else in another project. Throws `RalphError`: as
 * `findTask` does, and `not_found` for a task that has none.
 */
export function requireWorktree(context: CommandContext, argument: string): Worktree {
  const trees = recordedWorktrees(context);
  const known = trees.filter(({ taskName, removedAt }) =>
    taskName === argument && removedAt === null
  );
  const tree = treeHere(context, argument, trees) ?? (known.length === 1 ? known[0] : undefined);
  if (tree) return tree;
  throw new RalphError(
    "not_found",
    `\`${plain(argument, 80)}\` has no worktree: there is nothing to land`,
    [{ text: "run it in one", command: `ralph run ${shellWord(argument)} --worktree` }],
  );
}

function treeHere(
  context: CommandContext,
  argument: string,
  trees: readonly Worktree[],
): Worktree | undefined {
  try {
    return worktreeOf(findTask(argument, { cwd: context.cwd(), tree: systemTree }), trees);
  } catch (error) {
    if (error instanceof RalphError && error.kind === "not_found") return undefined;
    throw error;
  }
}
