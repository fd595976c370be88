/** `ralph run` without a task: the one that has open stories, or a choice among them. */
import { RalphError } from "../error.ts";
import { readFileIfAny } from "../host/files.ts";
import { systemTree } from "../host/tree.ts";
import { listTasks, type Task } from "../task/find.ts";
import { parsePrd, type Story } from "../task/prd.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Context } from "./context.ts";
import { projectRootHere } from "./project_root.ts";

interface OpenTask {
  task: Task;
  open: readonly Story[];
  total: number;
}

const LISTED_MAX = 12;

/**
 * The path of the task that is meant. Asks when there are several and somebody can answer. Throws
 * `RalphError` (`usage`, `not_found`) else.
 */
export async function chooseTask(context: Context): Promise<string> {
  const root = projectRootHere(context);
  const candidates = listTasks(root, systemTree).flatMap(openTask);
  if (candidates.length === 0) {
    throw new RalphError("not_found", "no task here has open stories", [
      { text: "see all tasks", command: "ralph tasks" },
    ]);
  }
  if (candidates.length === 1) return candidates[0].task.dir;
  const { out, inputIsTerminal } = context.output;
  if (out.isTerminal && inputIsTerminal) return await ask(candidates);
  throw new RalphError("usage", `${candidates.length} tasks have open stories; say which`, [
    ...candidates.slice(0, LISTED_MAX).map(({ task, open, total }) => ({
      text: `${open.length} of ${total} stories open`,
      command: `ralph run ${shellWord(task.name)}`,
    })),
  ]);
}

/** A task whose PRD cannot be read is not offered: `ralph tasks` says what is wrong with it. */
function openTask(task: Task): OpenTask[] {
  const bytes = task.prdPath === undefined ? undefined : readFileIfAny(task.prdPath);
  if (task.prdPath === undefined || !bytes) return [];
  try {
    const { stories } = parsePrd({ path: task.prdPath, bytes });
    const open = stories.filter((story) => !story.passes);
    return open.length === 0 ? [] : [{ task, open, total: stories.length }];
  } catch (error) {
    if (error instanceof RalphError) return [];
    throw error;
  }
}

async function ask(candidates: readonly OpenTask[]): Promise<string> {
  const { isCancel, select } = await import("@clack/prompts");
  const chosen = await select({
    message: "Which task?",
    options: candidates.map(({ task, open, total }) => ({
      value: task.dir,
      label: plain(task.name, 60),
      hint: `${open.length} of ${total} stories open`,
    })),
  });
  if (isCancel(chosen)) throw new RalphError("usage", "no task was chosen");
  return chosen;
}
