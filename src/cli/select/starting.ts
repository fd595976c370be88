import { type Starting, startingWorkers } from "../../control/starting.ts";
import { placesOf, recordedWorktrees } from "../../control/worktree/find.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { findProjectRoot, findTask } from "../../task/find.ts";
import type { CommandContext } from "../command_context.ts";
import { tellOtherProject } from "./other_project.ts";

/** The worker that waits before its session has begun, of the task that is named; undefined if none. */
export function chooseStarting(context: CommandContext, argument: string): Starting | undefined {
  const all = startingWorkers(context);
  if (all.length === 0) return undefined;
  const dirs = foldersOf(context, argument);
  // Another project's task of that name is not meant.
  if (dirs.length > 0) return all.find(({ taskDir }) => dirs.includes(taskDir));
  const [named, ...others] = all.filter(({ task }) => task === argument);
  if (!named || others.length > 0) return undefined;
  const projectRoot = findProjectRoot(named.taskDir, systemTree) ?? named.taskDir;
  tellOtherProject(context, { taskName: named.task, projectRoot });
  return named;
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
