/** What a session writes in a project, and whether it may. */
import * as path from "node:path";
import { writableFault } from "../doctor/writable.ts";
import { RalphError } from "../error.ts";
import { type Unwritable, unwritableOf } from "../host/files/unwritable.ts";
import { systemTree } from "../host/files/system_tree.ts";
import { writtenByGit } from "../host/git/written_by_git.ts";
import { progressPath, type Task, taskFile } from "../task/task_files.ts";
import { plain } from "../terminal/plain.ts";
import type { Context } from "./context.ts";

/** What of the project, its git folder and these tasks is there and cannot be written to. */
export function unwritableIn(
  { clock }: Context,
  root: string,
  tasks: readonly Task[],
): Promise<readonly Unwritable[]> {
  const files = tasks.flatMap((task) => [taskFile(task), progressPath(task)])
    .filter((file) => systemTree.kind(file) === "file");
  const folders = files.map((file) => path.dirname(file));
  return unwritableOf([...new Set([root, ...folders, ...files, ...writtenByGit(root)])], clock);
}

/** Throws `RalphError` (`failed`) where a session could not do its work: each iteration would cost, and fail. */
export async function requireWritable(context: Context, task: Task): Promise<void> {
  const { projectRoot: root, name } = task;
  const places = await unwritableIn(context, root, [task]);
  const fault = writableFault(places, { root, uid: Deno.uid() ?? 0 });
  if (!fault) return;
  throw new RalphError("failed", `cannot run \`${plain(name, 80)}\`: ${fault.found}`, fault.remedy);
}
