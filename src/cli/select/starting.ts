import { type Starting, startingWorkers } from "../../control/starting.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { findTask } from "../../task/find.ts";
import type { CommandContext } from "../command_context.ts";

/** The worker that waits before its session has begun, of the task that is named; undefined if none. */
export function chooseStarting(context: CommandContext, argument: string): Starting | undefined {
  const all = startingWorkers(context);
  if (all.length === 0) return undefined;
  const dir = folderOf(context, argument);
  const named = all.filter(({ task }) => task === argument);
  return all.find(({ taskDir }) => taskDir === dir) ?? (named.length === 1 ? named[0] : undefined);
}

function folderOf(context: CommandContext, argument: string): string | undefined {
  try {
    return findTask(argument, { cwd: context.cwd(), tree: systemTree }).dir;
  } catch (error) {
    if (error instanceof RalphError) return undefined;
    throw error;
  }
}
