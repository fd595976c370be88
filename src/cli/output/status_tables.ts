/** `ralph status` in a terminal: a line for each task, or for each session. Values in, lines out. */
import * as path from "node:path";
import type { StoryCount } from "../../control/session_prd.ts";
import { isToldSuspended } from "../../control/suspended.ts";
import { type Session, type SessionUsage, spentOf, type Worktree } from "../../store/model.ts";
import { bar } from "../../terminal/bar.ts";
import type { Colors } from "../../terminal/colors.ts";
import { shortCost } from "../../terminal/cost.ts";
import { age, duration } from "../../terminal/format.ts";
import { plain } from "../../terminal/plain.ts";
import { type Column, fittedTable } from "../../terminal/table.ts";

/** A task by its latest session. */
export interface TaskRow {
  session: Session;
  label: string;
  stories?: StoryCount;
  workedMs?: number;
  used: SessionUsage;
  maxCostUsd?: number;
  /** The one that the session is in. */
  worktree?: Worktree;
  /** A command. */
  next: string;
}

/** Of what a session used while it runs. */
export const WITHOUT_OPEN = "without the iteration under way";

interface Screen {
  columns: number;
  colors: Colors;
}

const NAME_MIN = 12;
const WHAT_MIN = 16;

/** Narrow ones leave out what can be left out, the command to the last. */
export function taskTable(rows: readonly TaskRow[], { columns, colors }: Screen): string[] {
  const task: Column<TaskRow> = {
    title: "TASK",
    cell: ({ label }) => plain(label, 80),
    min: NAME_MIN,
  };
  const state: Column<TaskRow> = {
    title: "STATE",
    cell: ({ session }) => stateWords(session),
    paint: (text, { session }) => stateColor(session, colors)(text),
  };
  const stories: Column<TaskRow> = { title: "STORIES", cell: (row) => storyWords(row) };
  const bars: Column<TaskRow> = { title: "STORIES", cell: (row) => barWords(row) };
  const short: Column<TaskRow> = { title: "STORIES", cell: (row) => barWords(row, 5) };
  const story: Column<TaskRow> = {
    title: "STORY",
    cell: ({ session }) => plain(session.currentStory ?? "-", 20),
  };
  const time: Column<TaskRow> = { title: "TIME", cell: (row) => timeWords(row) };
  const cost: Column<TaskRow> = {
    title: "COST",
    cell: ({ used, maxCostUsd }) => shortCost(spentOf(used), maxCostUsd),
  };
  const what: Column<TaskRow> = {
    title: "WHAT",
    cell: ({ session }) => plain(session.activity ?? session.detail ?? ""),
    min: WHAT_MIN,
  };
  const next: Column<TaskRow> = { title: "NEXT", cell: (row) => plain(row.next) };
  const tree: Column<TaskRow> = {
    title: "WORKTREE",
    cell: ({ worktree }) => worktree ? plain(treeWords(worktree), 60) : "-",
  };
  const layouts = [
    ...rows.some(({ worktree }) => worktree)
      ? [
        [task, state, bars, story, time, cost, tree, what, next],
        [task, state, short, time, cost, tree, next],
        [task, state, short, tree, next],
        [task, state, stories, tree],
      ]
      : [],
    [task, state, bars, story, time, cost, what, next],
    [task, state, bars, story, time, cost, next],
    [task, state, short, story, time, cost, next],
    [task, state, short, time, cost, next],
    [task, state, short, cost, next],
    [task, state, short, next],
    [task, state, stories, next],
    [task, state, short, story, time, cost],
    [task, state, stories, time, cost],
    [task, state, stories],
  ];
  return fittedTable(rows, layouts, { columns, paintTitle: colors.dim });
}

/** A line for each session. */
export function sessionTable(
  sessions: readonly Session[],
  { now, columns, colors }: Screen & { now: number },
): string[] {
  const id: Column<Session> = { title: "SESSION", cell: ({ id }) => String(id) };
  const project: Column<Session> = {
    title: "PROJECT",
    cell: ({ projectRoot }) => plain(path.basename(projectRoot), 30),
    min: NAME_MIN,
  };
  const task: Column<Session> = {
    title: "TASK",
    cell: ({ taskName }) => plain(taskName, 80),
    min: NAME_MIN,
  };
  const status: Column<Session> = {
    title: "STATUS",
    // One that another ralph wrote is shown as it is.
    cell: ({ status }) => plain(status, 20),
    paint: (text, session) => stateColor(session, colors)(text),
  };
  const iteration: Column<Session> = {
    title: "ITERATION",
    cell: ({ iterations, maxIterations }) => `${iterations}/${maxIterations ?? "?"}`,
  };
  const story: Column<Session> = {
    title: "STORY",
    cell: ({ currentStory }) => plain(currentStory ?? "-", 20),
  };
  const port: Column<Session> = {
    title: "PORT",
    cell: (session) => session.status === "running" ? String(session.serverPort ?? "-") : "-",
  };
  const since: Column<Session> = {
    title: "AGE",
    cell: ({ endedAt, startedAt }) => age(Date.parse(endedAt ?? startedAt), now),
  };
  const what: Column<Session> = {
    title: "WHAT",
    cell: ({ activity, detail }) => plain(activity ?? detail ?? ""),
    min: WHAT_MIN,
  };
  // Tasks of one name in several projects would look the same.
  const several = new Set(sessions.map(({ projectRoot }) => projectRoot)).size > 1;
  const named = several ? [project, task] : [task];
  const layouts = [
    [id, ...named, status, iteration, story, port, since, what],
    [id, ...named, status, iteration, story, since, what],
    [id, ...named, status, iteration, since, what],
    [id, ...named, status, since],
    [id, task, status],
  ];
  return fittedTable(sessions, layouts, { columns, paintTitle: colors.dim });
}

/** Its status; of one that runs, also that it waits. */
export function stateWords(session: Session): string {
  const { status, activityKind } = session;
  if (isToldSuspended(session)) return `${status}, suspended`;
  const waits = status === "running" && activityKind !== null;
  return `${plain(status, 20)}${waits ? ", waits" : ""}`;
}

/** Green is what is done, yellow what waits: for a person, a provider or a server. */
export function stateColor(session: Session, colors: Colors): (text: string) => string {
  switch (session.status) {
    case "running":
      return session.activityKind !== null ? colors.yellow : colors.cyan;
    case "completed":
      return colors.green;
    case "checkpointed":
    case "stopped":
      return colors.yellow;
    case "failed":
      return colors.red;
    default:
      return String;
  }
}

/** `shop.ralph/one`: its folder, and the one that this is in. */
function treeWords({ root }: Worktree): string {
  return path.join(path.basename(path.dirname(root)), path.basename(root));
}

/** `2/3`. */
export function storyWords({ stories }: Pick<TaskRow, "stories">): string {
  return stories ? `${stories.passing}/${stories.total}` : "-";
}

/** The same with a bar. */
export function barWords({ stories }: Pick<TaskRow, "stories">, cells?: number): string {
  return stories ? `${bar(stories.passing, stories.total, cells)} ${storyWords({ stories })}` : "-";
}

/** How long the session has worked. */
export function timeWords({ workedMs }: Pick<TaskRow, "workedMs">): string {
  return workedMs === undefined ? "unknown" : duration(workedMs);
}
