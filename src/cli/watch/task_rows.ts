/** The list of tasks: one line for each, with as many columns as there is room for. */
import { age, ago, duration, usd } from "../../terminal/format.ts";
import { costWords, shortCost } from "../../terminal/cost.ts";
import { plain } from "../../terminal/plain.ts";
import { width } from "../../terminal/table.ts";
import type { Glyphs } from "./glyphs.ts";
import { type Line, padded, type Piece } from "./lines.ts";
import { calledName, storyCounts, type StoryView, type TaskView } from "./model.ts";

interface Column {
  title: string;
  columns: number;
  align?: "left" | "right";
  piece: (task: TaskView, now: number) => Piece;
}

/** Of the columns of what is told in words. */
const NOW_MIN = 14;
const NAME_MIN = 8;

/** Title and rows, each `columns` wide at most. */
export function taskRows(
  tasks: readonly TaskView[],
  { columns, now, glyphs, chosen }: {
    columns: number;
    now: number;
    glyphs: Glyphs;
    chosen: TaskView | undefined;
  },
): { title: Line; rows: readonly Line[] } {
  const shown = columnsFor(tasks, columns, glyphs);
  const title = shown.map(({ title, columns, align }) => padded(title, columns, align)).join("  ");
  const rows = tasks.map((task) => {
    const isChosen = task === chosen;
    const pieces = shown.flatMap(({ columns, align, piece }, i): Piece[] => {
      const { text, style } = piece(task, now);
      const cell = { text: padded(plain(text), columns, align), ...style && { style } };
      return i === 0 ? [cell] : [{ text: "  " }, cell];
    });
    const mark = { text: isChosen ? `${glyphs.chosen} ` : "  " };
    return isChosen
      ? [{ text: [mark, ...pieces].map(({ text }) => text).join(""), style: "inverse" as const }]
      : [mark, ...pieces];
  });
  return { title: [{ text: `  ${title}`, style: "dim" }], rows };
}

/** In the order of the screen; where there is no room the least important are left out. */
function columnsFor(tasks: readonly TaskView[], columns: number, glyphs: Glyphs): Column[] {
  const names = Math.max(NAME_MIN, ...tasks.map((task) => width(plain(calledName(task)))));
  const nameMax = columns < 80 ? 16 : columns < 120 ? 22 : 32;
  const bar = columns < 80 ? 8 : columns < 120 ? 10 : 16;
  const name: Column = {
    title: "TASK",
    columns: Math.min(names, nameMax) + 2,
    piece: (task) => ({
      text: `${mark(task, glyphs)} ${calledName(task)}`,
      style: statusStyle(task),
    }),
  };
  const stories: Column = {
    title: "STORIES",
    columns: bar + 6,
    piece: (task) => ({ text: storyBar(task.stories, bar, glyphs) }),
  };
  const now: Column = { title: "NOW", columns: NOW_MIN, piece: nowPiece };
  const fixed = [name, stories, now].reduce((sum, { columns }) => sum + columns + 2, 0);
  let left = columns - fixed;
  const end = OPTIONAL.findIndex((column) => (left -= column.columns + 2) < 0);
  if (end >= 0) left += OPTIONAL[end].columns + 2;
  const fitting = OPTIONAL.slice(0, end < 0 ? undefined : end);
  const wide = fitting.includes(ACTION) ? ACTION : now;
  const grown = (column: Column) =>
    column === wide ? { ...column, columns: column.columns + Math.max(0, left) } : column;
  const [story, ...others] = fitting;
  return [name, stories, ...story ? [story] : [], now, ...others].map(grown);
}

const ELAPSED: Column = {
  title: "TIME",
  columns: 7,
  align: "right",
  piece: (task, now) => ({ text: elapsed(task, now) }),
};

const SILENT: Column = {
  title: "SILENT",
  columns: 6,
  align: "right",
  piece: (task, now) => ({ text: silentFor(task, now) ?? "-" }),
};

const COST: Column = {
  title: "COST",
  columns: 15,
  align: "right",
  piece: ({ session, usage, budgetUsd }) => ({
    text: session ? shortCost(usage, budgetUsd).replace(" of ", "/") : "-",
  }),
};

const ACTION: Column = {
  title: "LAST ACTION",
  columns: 24,
  piece: ({ live, last }) => ({ text: live ? last?.text ?? "-" : "-", style: "dim" }),
};

function mark(task: TaskView, glyphs: Glyphs): string {
  if (task.starting) return glyphs.session.starting;
  return task.session ? glyphs.session[task.session.status] ?? "?" : " ";
}

/** As `ralph status` has it: green is what is done, yellow what waits. */
export function statusStyle({ session, starting, queued, live }: TaskView): Piece["style"] {
  if (starting) return "yellow";
  if (session?.status === "running") {
    if (!live) return "red";
    return session.activityKind !== null ? "yellow" : "cyan";
  }
  if (queued !== undefined) return "yellow";
  switch (session?.status) {
    case "completed":
      return "green";
    case "failed":
      return "red";
    case "stopped":
    case "checkpointed":
      return "yellow";
    default:
      return undefined;
  }
}

const STORY: Column = { title: "STORY", columns: 8, piece: storyInHand };

const MODEL: Column = {
  title: "MODEL",
  columns: 20,
  piece: ({ session }) => ({ text: session?.model ?? "-" }),
};

/** The most needed first: where there is no room for one, the rest goes too. */
const OPTIONAL: readonly Column[] = [STORY, ELAPSED, SILENT, COST, MODEL, ACTION];

/** A bar with the number of stories that are done of those to be done: `███▓░░· 3/6`. */
function storyBar(
  stories: readonly StoryView[] | undefined,
  columns: number,
  { bar }: Glyphs,
): string {
  if (!stories) return "-";
  const counts = storyCounts(stories);
  const order = ["done", "in hand", "open", "left out"] as const;
  const total = Math.max(1, stories.length);
  const parts = order.map((state) => ({ state, exact: counts[state] / total * columns }));
  // What is there shows, and all of it is as long as the bar.
  const lengths = parts.map(({ exact }) => exact > 0 ? Math.max(1, Math.floor(exact)) : 0);
  for (let sum = sumOf(lengths); sum !== columns; sum = sumOf(lengths)) {
    const off = parts.map(({ exact }, i) => lengths[i] === 0 ? 0 : exact - lengths[i]);
    const i = sum < columns ? off.indexOf(Math.max(...off)) : lengths.indexOf(Math.max(...lengths));
    lengths[i] += sum < columns ? 1 : -1;
  }
  const drawn = order.map((state, i) => bar[state].repeat(lengths[i])).join("");
  return `${drawn} ${counts.done}/${stories.length - counts["left out"]}`;
}

const sumOf = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0);

function storyInHand({ session }: TaskView): Piece {
  return { text: session?.status === "running" ? session.currentStory ?? "-" : "-" };
}

function nowPiece(task: TaskView, now: number): Piece {
  return { text: nowWords(task, now), style: statusStyle(task) };
}

/** What it does, or how and when it ended. */
export function nowWords(
  { session, starting, queued, live, problem }: TaskView,
  now: number,
): string {
  if (starting) return `starting: ${starting.doing}`;
  if (queued !== undefined && session?.status !== "running") return `queued: ${queued}`;
  if (!session) return problem ? `not readable: ${problem}` : "never ran";
  if (session.status === "running") {
    return live ? session.activity ?? "begins" : "its worker is gone";
  }
  const { status, reason, endedAt, updatedAt } = session;
  const how = status === "completed" || reason === null ? "" : `: ${reason}`;
  return `${status} ${ago(Date.parse(endedAt ?? updatedAt), now)}${how}`;
}

/** In steps of ten seconds: what changes each second would be sent each second. */
const STEP_MS = 10_000;

/** How long its session has worked, or did. */
export function elapsed({ session, starting, workedMs }: TaskView, now: number): string {
  if (starting) return inSteps(starting.since, now);
  if (!session) return "-";
  const began = Date.parse(session.startedAt);
  if (session.status === "running") {
    return inSteps(workedMs === undefined ? began : Date.parse(session.updatedAt) - workedMs, now);
  }
  if (workedMs !== undefined) return duration(workedMs);
  return session.endedAt === null ? "-" : duration(Date.parse(session.endedAt) - began);
}

/** How long ago it last did something that is told of; undefined where it is not at work. */
export function silentFor({ live, last }: TaskView, now: number): string | undefined {
  return live && last ? inSteps(last.at, now) : undefined;
}

function inSteps(then: number, now: number): string {
  const ms = Math.floor((now - then) / STEP_MS) * STEP_MS;
  return ms === 0 ? "<10s" : age(then, then + ms);
}

/** What its ended iterations cost, and what it may cost. */
export function costOf({ usage, budgetUsd }: TaskView): string {
  const spent = usage && shortCost(usage) !== "unknown" ? costWords(usage) : "unknown";
  return budgetUsd === undefined ? spent : `${spent} (limit ${usd(budgetUsd)})`;
}
