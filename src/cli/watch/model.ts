/** What `ralph watch` knows of the tasks, as plain data. */
import * as path from "node:path";
import type { Standing } from "../../report/standing.ts";
import type { Iteration, Session, Spent } from "../../store/model.ts";
import type { Prd } from "../../task/prd.ts";

export type StoryState = "done" | "in hand" | "open" | "waits" | "left out";

export interface StoryView {
  id: string;
  title: string;
  state: StoryState;
  /** Ids of the open stories that it waits for, or why it is left out. */
  why: string;
}

/** The last line of a session's log. */
export interface LastAction {
  /** Epoch milliseconds. */
  at: number;
  text: string;
}

export interface TaskView {
  /** Real path of what the task is known by. */
  taskDir: string;
  name: string;
  /** Whether another one has its name, in another project. */
  hasNamesake?: boolean;
  projectRoot: string;
  /** Its latest; absent for a task that never ran. */
  session?: Session;
  /** What its worker waits for before its session has begun, and since when in epoch milliseconds. */
  starting?: { doing: string; since: number };
  /** What it waits for in a queue. */
  queued?: string;
  /** Whether a worker is at work. */
  live: boolean;
  /** Absent where there is no PRD, or it cannot be read. */
  stories?: readonly StoryView[];
  /** Why its PRD cannot be read. */
  problem?: string;
  /** What its ended iterations used; absent where that is not known. */
  usage?: Spent;
  /** US dollars that its session may cost. */
  budgetUsd?: number;
  /** How long its session had worked when it was last written down, without what it was paused. */
  workedMs?: number;
  last?: LastAction;
}

/** What the server of a session says. */
export type Health =
  | { state: "asked" }
  | { state: "well"; version: string }
  | { state: "not well"; why: string };

export interface Model {
  /** In the order in which they are shown. */
  tasks: readonly TaskView[];
  /** By URL. */
  health: ReadonlyMap<string, Health>;
  /** Why what is shown may be old. */
  trouble?: string;
}

/** An iteration, and what still holds of it. */
export interface Round extends Iteration {
  standing: Standing;
}

/** What is known of the chosen task alone. */
export interface Details {
  /** The latest first. */
  iterations: readonly Round[];
  /** The end of its log. */
  output: readonly string[];
  diff: readonly string[];
}

export const isAtWork = (task: TaskView): boolean =>
  task.starting !== undefined || task.session?.status === "running";

/** Its name, with that of its project where another one has it too. */
export const calledName = ({ name, hasNamesake, projectRoot }: TaskView): string =>
  hasNamesake ? `${path.basename(projectRoot)}/${name}` : name;

/** The stories of a PRD, those that are left out at the end. `inHand`: the id of the one at work. */
export function storyViews(prd: Prd, inHand: string | null | undefined): readonly StoryView[] {
  const passed = new Set(prd.stories.filter((story) => story.passes).map(({ id }) => id));
  return [
    ...prd.stories.map(({ id, title, passes, dependsOn }): StoryView => {
      if (id === inHand) return { id, title, state: "in hand", why: "" };
      if (passes) return { id, title, state: "done", why: "" };
      const missing = dependsOn.filter((one) => !passed.has(one));
      if (missing.length === 0) return { id, title, state: "open", why: "" };
      return { id, title, state: "waits", why: `for ${missing.join(", ")}` };
    }),
    ...prd.leftOut.map(({ id, why }): StoryView => ({ id, title: "", state: "left out", why })),
  ];
}

/** How many of a task's stories are in each state; those that wait count as open. */
export function storyCounts(
  stories: readonly StoryView[],
): Record<Exclude<StoryState, "waits">, number> {
  const counts = { done: 0, "in hand": 0, open: 0, "left out": 0 };
  for (const { state } of stories) counts[state === "waits" ? "open" : state]++;
  return counts;
}

/**
 * Those at work first, in the order in which they began, so that none changes its place; then those
 * of the project `root`, and then all others, the latest first.
 */
export function inOrder(
  tasks: readonly TaskView[],
  root: string | undefined,
): readonly TaskView[] {
  const rank = (task: TaskView) => isAtWork(task) ? 0 : task.projectRoot === root ? 1 : 2;
  const counts = Map.groupBy(tasks, ({ name }) => name);
  const named = tasks.map((task) =>
    counts.get(task.name)?.length === 1 ? task : { ...task, hasNamesake: true }
  );
  const began = ({ session, starting }: TaskView) => starting ? Infinity : session?.id ?? 0;
  return named.toSorted((a, b) =>
    rank(a) - rank(b) ||
    (isAtWork(a) ? compare(began(a), began(b)) : compare(began(b), began(a))) ||
    compare(a.name, b.name)
  );
}

const compare = <T extends string | number>(a: T, b: T) => a < b ? -1 : a > b ? 1 : 0;
