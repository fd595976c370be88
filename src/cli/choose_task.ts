/** `ralph run` without a task: the one that has something to do, or a choice among them. */
import { RalphError } from "../error.ts";
import { readFileIfAny } from "../host/files.ts";
import { systemTree } from "../host/tree.ts";
import { listTasks, type Task } from "../task/find.ts";
import { parsePrd } from "../task/prd.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Context } from "./context.ts";
import { projectRootHere } from "./project_root.ts";

interface OpenTask {
  task: Task;
  /** What is to be done there, in words. */
  left: string;
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
    throw new RalphError("not_found", "no task here has anything to do", [
      { text: "see all tasks", command: "ralph tasks" },
    ]);
  }
  if (candidates.length === 1) return candidates[0].task.dir;
  const { out, inputIsTerminal } = context.output;
  if (out.isTerminal && inputIsTerminal) return await ask(candidates);
  throw new RalphError("usage", `${candidates.length} tasks have something to do; say which`, [
    ...candidates.slice(0, LISTED_MAX).map(({ task, left }) => ({
      text: left,
      command: `ralph run ${shellWord(task.name)}`,
    })),
  ]);
}

/** A task whose PRD cannot be read is not offered: `ralph tasks` says what is wrong with it. */
function openTask(task: Task): OpenTask[] {
  if (task.prdPath === undefined) {
    return task.promptPath === undefined ? [] : [{ task, left: "a prompt without stories" }];
  }
  const bytes = readFileIfAny(task.prdPath);
  if (!bytes) return [];
  try {
    const { stories } = parsePrd({ path: task.prdPath, bytes });
    const open = stories.filter((story) => !story.passes).length;
    return open === 0 ? [] : [{ task, left: `${open} of ${stories.length} stories open` }];
  } catch (error) {
    if (error instanceof RalphError) return [];
    throw error;
  }
}

async function ask(candidates: readonly OpenTask[]): Promise<string> {
  const { isCancel, select } = await import("@clack/prompts");
  const chosen = await select({
    message: "Which task?",
    options: candidates.map(({ task, left }) => ({
      value: task.dir,
      label: plain(task.name, 60),
      hint: left,
    })),
  });
  if (isCancel(chosen)) throw new RalphError("usage", "no task was chosen");
  return chosen;
}
