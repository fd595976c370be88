/** `ralph tasks`: the tasks of this project, and how far they are. */
import { RalphError } from "../error.ts";
import { readFileIfAny } from "../host/files.ts";
import { systemTree } from "../host/tree.ts";
import type { Session } from "../registry/model.ts";
import { listTasks, type Task } from "../task/find.ts";
import { nextStory, parsePrd } from "../task/prd.ts";
import { plain } from "../terminal/plain.ts";
import { fit, table } from "../terminal/table.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./exit_codes.ts";
import { projectRootHere } from "./project_root.ts";
import { readSessions } from "./sessions.ts";

interface TaskSummary {
  task: string;
  taskDir: string;
  /** Null where the PRD cannot be read, or there is none. */
  passing: number | null;
  total: number | null;
  next: string | null;
  /** Status of its latest session. */
  status: string | null;
  problem: string | null;
}

export function tasks(context: Context, { json }: { json: boolean }): number {
  const { out, err } = context.output;
  const root = projectRootHere(context);
  const found = listTasks(root, systemTree);
  const sessions = readSessions<readonly (Session | undefined)[]>(context, {
    read: (registry) => found.map(({ dir }) => registry.lastSession(dir)),
    whenEmpty: [],
  });
  const summaries = found.map((task, i) => summary(task, sessions[i]));
  if (json) out.line(JSON.stringify(summaries, undefined, 2));
  else if (summaries.length === 0) {
    err.line("No tasks here. Begin one with `ralph new <name>`.");
  } else {
    const { colors } = out;
    const header = ["TASK", "STORIES", "NEXT", "LAST SESSION", ""].map((title) =>
      colors.dim(title)
    );
    const rows = summaries.map((one) => [
      plain(one.task, 60),
      one.total === null ? "-" : `${one.passing}/${one.total}`,
      plain(one.next ?? "-", 40),
      plain(one.status ?? "-"),
      one.problem ? colors.red(fit(plain(one.problem), 100)) : "",
    ]);
    for (const line of table([header, ...rows])) out.line(line);
  }
  return EXIT.done;
}

function summary(task: Task, session: Session | undefined): TaskSummary {
  const base = { task: task.name, taskDir: task.dir, status: session?.status ?? null };
  const unknown = { passing: null, total: null, next: null };
  const bytes = task.prdPath === undefined ? undefined : readFileIfAny(task.prdPath);
  if (task.prdPath === undefined || !bytes) return { ...base, ...unknown, problem: null };
  try {
    const { stories } = parsePrd({ path: task.prdPath, bytes });
    return {
      ...base,
      passing: stories.filter((story) => story.passes).length,
      total: stories.length,
      next: nextStory(stories)?.id ?? null,
      problem: null,
    };
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    return { ...base, ...unknown, problem: error.message.replaceAll(`${task.projectRoot}/`, "") };
  }
}
