/** `ralph run` without a task: the one that has something to do, or a choice among them. */
import { RalphError } from "../../error.ts";
import { whereTheyWork } from "../../control/worktree/find.ts";
import { readFileIfAny } from "../../host/files/read_file.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { listTasks } from "../../task/find.ts";
import { LOOKED_IN } from "../../task/places.ts";
import { remarksOnCopies } from "../../task/other_prds.ts";
import { callName, type Task } from "../../task/task_files.ts";
import { readPrd } from "../../task/prd_file.ts";
import { storiesOpen } from "../../task/stories_open.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { CommandContext } from "../command_context.ts";
import { answered } from "../output/answered.ts";
import { projectRootHere } from "./project_root.ts";
import { plural } from "../../terminal/plural.ts";

interface OpenTask {
  task: Task;
  /** What is to be done there, in words. */
  left: string;
}

const LISTED_MAX = 12;

/**
 * The task that is meant. Asks when there are several and somebody can answer. Throws
 * `RalphError` (`usage`, `not_found`, `interrupted`) else.
 */
export async function chooseTask(context: CommandContext): Promise<Task> {
  const root = projectRootHere(context);
  const tasks = whereTheyWork(context, listTasks(root, systemTree));
  const candidates = tasks.flatMap((task) => openTask(context, task)).map((one) => ({
    ...one,
    called: callName(one.task, tasks),
  }));
  if (tasks.length === 0) {
    throw new RalphError("not_found", "there is no task here", [
      { text: `looked in: ${LOOKED_IN}` },
      { text: "see what looks like one and why it is none", command: "ralph tasks" },
      { text: "or begin one", command: "ralph new --help" },
    ]);
  }
  if (candidates.length === 0) {
    throw new RalphError("not_found", "no task here has anything to do", [
      ...tasks.flatMap(remarksOn).slice(0, LISTED_MAX).map((text) => ({ text })),
      { text: "see all tasks", command: "ralph tasks" },
    ]);
  }
  if (candidates.length === 1) return candidates[0].task;
  const { out, inputIsTerminal } = context.output;
  if (out.isTerminal && inputIsTerminal) return await ask(candidates);
  throw new RalphError(
    "usage",
    `${plural(candidates.length, "task")} have something to do; say which`,
    [
      ...candidates.slice(0, LISTED_MAX).map(({ called, left }) => ({
        text: left,
        command: `ralph run ${shellWord(called)}`,
      })),
    ],
  );
}

/** A task whose PRD cannot be read is not offered, which is told: it may be the one that is meant. */
function openTask(context: CommandContext, task: Task): OpenTask[] {
  if (task.prdPath === undefined) {
    return task.promptPath === undefined ? [] : [{ task, left: "a prompt without stories" }];
  }
  try {
    const { stories } = readPrd(readFileIfAny, task.prdPath);
    const open = stories.filter((story) => !story.passes).length;
    return open === 0 ? [] : [{ task, left: storiesOpen(open, stories.length) }];
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    context.warn(`\`${plain(task.name, 80)}\` is left out: ${error.message}`);
    return [];
  }
}

/** Of a task with no open story: what other files have. */
function remarksOn(task: Task): readonly string[] {
  if (task.copies === undefined || task.prdPath === undefined) return [];
  try {
    return remarksOnCopies(task, readPrd(readFileIfAny, task.prdPath).stories, systemTree);
  } catch (error) {
    if (error instanceof RalphError) return [];
    throw error;
  }
}

async function ask(candidates: readonly (OpenTask & { called: string })[]): Promise<Task> {
  const { select } = await import("@clack/prompts");
  const chosen = await select({
    message: "Which task?",
    options: candidates.map(({ task, called, left }) => ({
      value: task,
      label: plain(called, 60),
      hint: left,
    })),
  });
  return answered(chosen, "no task was chosen");
}
