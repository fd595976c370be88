/** The PRD of a session's task, as it is now. */
import { RalphError } from "../error.ts";
import { readFileIfAny } from "../host/files/read_file.ts";
import { systemTree } from "../host/files/system_tree.ts";
import type { Session } from "../store/model.ts";
import { findTask } from "../task/find.ts";
import type { Prd } from "../task/prd.ts";
import { readPrd } from "../task/prd_file.ts";

/** Undefined where the task has none, or it cannot be read. */
export function prdOf(
  { taskDir, projectRoot }: Pick<Session, "taskDir" | "projectRoot">,
): Prd | undefined {
  try {
    const { prdPath } = findTask(taskDir, { cwd: taskDir, tree: systemTree, projectRoot });
    return prdPath === undefined ? undefined : readPrd(readFileIfAny, prdPath);
  } catch (error) {
    if (error instanceof RalphError) return undefined;
    throw error;
  }
}

/** How many stories it has, and how many of them pass. */
export function storyCount(prd: Prd | undefined): { passing: number; total: number } | undefined {
  if (!prd) return undefined;
  const { stories } = prd;
  return { passing: stories.filter(({ passes }) => passes).length, total: stories.length };
}
