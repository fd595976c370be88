import { readSessions } from "../../control/liveness.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { homeRootOf, whereTheyWork } from "../../control/worktree/find.ts";
import { findProjectRoot, findTask, isPath } from "../../task/find.ts";
import type { Task } from "../../task/task_files.ts";
import type { CommandContext } from "../command_context.ts";
import { ambiguous } from "./sessions.ts";

/**
 * The task that is named: one of this project, in its worktree where it has one, else one of another project that has a session on
 * record. Throws `RalphError` (`not_found`, `usage`) as `findTask` does.
 */
export function taskToRun(context: CommandContext, argument: string): Task {
  const at = { cwd: context.cwd(), tree: systemTree };
  try {
    const task = findTask(argument, at);
    return isPath(argument, at) ? task : whereTheyWork(context, [task])[0];
  } catch (error) {
    if (!(error instanceof RalphError) || error.kind !== "not_found") throw error;
    const elsewhere = readSessions(context, {
      read: (store) => store.lastSessions().filter(({ taskName }) => taskName === argument),
      whenEmpty: [],
    });
    // From a worktree: one that came to the project after it was made.
    const home = homeRootOf(context, findProjectRoot(context.cwd(), systemTree) ?? "");
    if (elsewhere.length === 0 && home !== undefined && !isPath(argument, at)) {
      return whereTheyWork(context, [findTask(argument, { ...at, cwd: home })])[0];
    }
    if (elsewhere.length === 0) throw error;
    if (elsewhere.length > 1) throw ambiguous(context, argument, elsewhere);
    const [{ taskDir, projectRoot }] = elsewhere;
    return findTask(taskDir, { ...at, projectRoot });
  }
}
