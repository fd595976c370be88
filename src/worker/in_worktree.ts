/** A worker whose task is to be worked on in a worktree of its own. */
import type { Context } from "../app/context.ts";
import { StoppedBefore, type WorkerOrder } from "../control/protocol.ts";
import { readWhole } from "../host/files/read_file.ts";
import { systemTree } from "../host/files/system_tree.ts";
import { readSettings } from "../settings/read.ts";
import { findTask } from "../task/find.ts";

/**
 * The order for the task where it is worked on: in its worktree, which is made first where that is asked
 * for. `tell` gets what is done, line by line, safe to print. Throws as `prepareWorktree` does, and
 * `StoppedBefore`.
 */
export async function inWorktree(
  context: Context,
  order: WorkerOrder,
  { signal, tell }: { signal: AbortSignal; tell: (line: string) => void },
): Promise<WorkerOrder> {
  const { worktree, taskDir, projectRoot, flags } = order;
  if (!worktree) return order;
  const home = findTask(taskDir, { cwd: taskDir, tree: systemTree, projectRoot });
  const { settings } = await readSettings({
    projectRoot: home.projectRoot,
    environment: context.environment,
    variableNames: [],
    readFile: readWhole,
    flags,
  });
  const { prepareWorktree } = await import("../control/worktree/prepare.ts");
  try {
    const { dependsOn } = worktree;
    const task = await prepareWorktree(context, home, { settings, dependsOn, signal, tell });
    return { ...order, taskDir: task.dir, projectRoot: task.projectRoot };
  } catch (error) {
    if (signal.aborted) throw new StoppedBefore(home.name);
    throw error;
  }
}
