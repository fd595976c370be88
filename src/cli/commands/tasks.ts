/** `ralph tasks`: the tasks of this project, and how far they are. */
import { Command } from "@commander-js/extra-typings";
import { RalphError } from "../../error.ts";
import { readFileIfAny } from "../../host/files/read_file.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import type { Session } from "../../store/model.ts";
import { listPlaces, LOOKED_IN } from "../../task/places.ts";
import { callName, type Task } from "../../task/task_files.ts";
import { remarksOnCopies } from "../../task/other_prds.ts";
import { nextStory, remarksOf } from "../../task/prd.ts";
import { readPrd } from "../../task/prd_file.ts";
import { plain } from "../../terminal/plain.ts";
import { fit, table } from "../../terminal/table.ts";
import { columnsOf } from "../output/streams.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { waitingTasks } from "../queue/waiting_tasks.ts";
import { projectRootHere } from "../select/project_root.ts";
import { whereTheyWork } from "../../control/worktree/find.ts";
import { readSessions } from "../../control/liveness.ts";
import { commandJson } from "../../terminal/json_text.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("tasks")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  ralph tasks")
    .action((options) => {
      done(tasks(context, { json: options.json ?? false }));
    });
}

export interface TaskSummary {
  task: string;
  taskDir: string;
  /** Null where the PRD cannot be read, or there is none. */
  passing: number | null;
  total: number | null;
  next: string | null;
  /** Status of its latest session. */
  status: string | null;
  /** What it waits for in a queue. */
  queued: string | null;
  /** Ids of stories that a person has taken out of the work. */
  leftOut: readonly string[];
  /** What else a person has to know of the PRD. */
  remarks: readonly string[];
  problem: string | null;
}

function tasks(context: CommandContext, { json }: { json: boolean }): number {
  const { out, err } = context.output;
  const root = projectRootHere(context);
  const summaries = taskSummaries(context, root);
  if (json) out.line(commandJson(summaries, 2));
  else if (summaries.length > 0) showTasks(context, { root, summaries });
  else {err.line(
      `No tasks here. Looked in: ${LOOKED_IN}. A PRD in another place runs by its path, \`ralph run <path>\`; ` +
        "begin a new one with `ralph new <name>`.",
    );}
  return EXIT.done;
}

/** The tasks of a project, and the files that have a PRD's name and cannot be one. */
export function taskSummaries(context: CommandContext, root: string): readonly TaskSummary[] {
  const { tasks: listed, refused } = listPlaces(root, systemTree);
  const found = whereTheyWork(context, listed);
  const sessions = readSessions<readonly (Session | undefined)[]>(context, {
    read: (store) => found.map(({ dir }) => store.lastSession(dir)),
    whenEmpty: [],
  });
  const waiting = waitingTasks(context);
  return [
    // a worktree has its own copies
    ...found.map((task, i) => ({
      ...summary({ copies: listed[i].copies, ...task }, sessions[i]),
      queued: waiting.get(task.dir)?.words ?? null,
    })),
    ...refused.map(({ name, path, error }) => ({
      ...UNKNOWN,
      task: plain(name, 80),
      taskDir: path,
      status: null,
      queued: null,
      problem: error.message.replaceAll(`${root}/`, ""),
    })),
  ];
}

/** What each is called on the command line. */
export function callNames(summaries: readonly TaskSummary[], root: string): readonly string[] {
  const named = summaries.map(({ task }) => ({ name: task }));
  return summaries.map(({ task, taskDir }) =>
    callName({ name: task, dir: taskDir, projectRoot: root }, named)
  );
}

export function showTasks(
  { output: { out } }: CommandContext,
  { root, summaries }: { root: string; summaries: readonly TaskSummary[] },
): void {
  const { colors } = out;
  const header = ["TASK", "STORIES", "NEXT", "LAST SESSION", ""].map((title) => colors.dim(title));
  const names = callNames(summaries, root);
  const rows = summaries.map((one, i) => [
    plain(names[i], 60),
    one.total === null ? "-" : `${one.passing}/${one.total}`,
    plain(one.next ?? "-", 40),
    one.queued === null ? plain(one.status ?? "-") : `queued: ${plain(one.queued, 100)}`,
    one.problem ? colors.red(fit(plain(one.problem), 100)) : fit(one.remarks.join("; "), 160),
  ]);
  for (const line of table([header, ...rows], columnsOf(out))) out.line(line);
}

const UNKNOWN = { passing: null, total: null, next: null, leftOut: [], remarks: [] };

function summary(task: Task, session: Session | undefined): Omit<TaskSummary, "queued"> {
  const base = { task: task.name, taskDir: task.dir, status: session?.status ?? null };
  if (task.prdPath === undefined) return { ...base, ...UNKNOWN, problem: null };
  try {
    const prd = readPrd(readFileIfAny, task.prdPath);
    const { stories, leftOut } = prd;
    return {
      ...base,
      passing: stories.filter((story) => story.passes).length,
      total: stories.length,
      next: nextStory(stories)?.id ?? null,
      leftOut: leftOut.map(({ id }) => id),
      remarks: [...remarksOf(prd), ...remarksOnCopies(task, stories, systemTree)],
      problem: null,
    };
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    return { ...base, ...UNKNOWN, problem: error.message.replaceAll(`${task.projectRoot}/`, "") };
  }
}
