import { readSessions } from "../../control/liveness.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { homeRootOf, recordedWorktrees, whereTheyWork } from "../../control/worktree/find.ts";
import { findProjectRoot, findTask, isPath } from "../../task/find.ts";
import type { Task } from "../../task/task_files.ts";
import { UnusableTask } from "../../task/unusable_task.ts";
import type { CommandContext } from "../command_context.ts";
import { isOfThisProject, ofOtherProject } from "./other_project.ts";
import { ambiguous } from "./sessions.ts";

/**
 * The task that is named: one of this project, in its worktree where it has one. One that only another project has on record is asked
 * for, by `AmbiguousTask`. Throws `RalphError` (`not_found`, `usage`) as `findTask` does.
 */
export function taskToRun(context: CommandContext, argument: string): Task {
  const at = { cwd: context.cwd(), tree: systemTree };
  try {
    const task = findTask(argument, at);
    return isPath(argument, at) ? task : whereTheyWork(context, [task])[0];
  } catch (error) {
    const isMissing = error instanceof RalphError && error.kind === "not_found";
    if (!isMissing || error instanceof UnusableTask || isPath(argument, at)) throw error;
    const named = readSessions(context, {
      read: (store) => store.lastSessions().filter(({ taskName }) => taskName === argument),
      whenEmpty: [],
    });
    const trees = recordedWorktrees(context);
    const own = named.filter(({ projectRoot }) => isOfThisProject(context, projectRoot, trees));
    if (own.length === 1) {
      const [{ taskDir, projectRoot }] = own;
      return findTask(taskDir, { ...at, projectRoot });
    }
    // From a worktree: one that came to the project after it was made.
    const home = homeRootOf(context, findProjectRoot(context.cwd(), systemTree) ?? "");
    if (named.length === 0 && home !== undefined) {
      return whereTheyWork(context, [findTask(argument, { ...at, cwd: home })])[0];
    }
    if (named.length === 0) throw error;
    if (named.length > 1) throw ambiguous(context, argument, named);
    throw ofOtherProject(argument, named[0], trees);
  }
}
