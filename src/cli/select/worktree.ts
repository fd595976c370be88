import { recordedWorktrees, worktreeOf } from "../../control/worktree/find.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import type { Worktree } from "../../store/model.ts";
import { findTask } from "../../task/find.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { CommandContext } from "../command_context.ts";
import { requireOwn } from "./other_project.ts";

/**
 * The worktree of the task that is named. Throws `RalphError`: as `findTask` does, `not_found` for a task
 * that has none, and `AmbiguousTask` where only another project has such a one.
 */
export function requireWorktree(context: CommandContext, argument: string): Worktree {
  const trees = recordedWorktrees(context);
  const known = trees.filter(({ taskName, removedAt }) =>
    taskName === argument && removedAt === null
  );
  const tree = treeHere(context, argument, trees);
  if (tree) return tree;
  if (known.length === 1) {
    const [{ taskName, taskDir, root: projectRoot }] = known;
    requireOwn(context, argument, { session: { taskName, taskDir, projectRoot }, trees });
    return known[0];
  }
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
