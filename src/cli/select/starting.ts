import { type Starting, startingWorkers } from "../../control/starting.ts";
import { placesOf, recordedWorktrees } from "../../control/worktree/find.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { findTask } from "../../task/find.ts";
import type { CommandContext } from "../command_context.ts";

/** The worker that waits before its session has begun, of the task that is named; undefined if none. */
export function chooseStarting(context: CommandContext, argument: string): Starting | undefined {
  const all = startingWorkers(context);
  if (all.length === 0) return undefined;
  const dirs = foldersOf(context, argument);
  const named = all.filter(({ task }) => task === argument);
  return all.find(({ taskDir }) => dirs.includes(taskDir)) ??
    (named.length === 1 ? named[0] : undefined);
}

function foldersOf(context: CommandContext, argument: string): readonly string[] {
  try {
    const task = findTask(argument, { cwd: context.cwd(), tree: systemTree });
    return placesOf(task, recordedWorktrees(context));
  } catch (error) {
    if (error instanceof RalphError) return [];
    throw error;
  }
}
