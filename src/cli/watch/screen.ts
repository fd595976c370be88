/** The whole screen: what is known and what was chosen in, lines out. Pure. */
import { plain } from "../../terminal/plain.ts";
import type { Glyphs } from "./glyphs.ts";
import { width } from "../../terminal/table.ts";
import { foldedBody } from "./fold_body.ts";
import { fitLine, folded, type Line, lineText, type Piece } from "./lines.ts";
import { calledName, type Details, isAtWork, type Model, type TaskView } from "./model.ts";
import { bodyOf, factLines, healthWords, panelBody } from "./task_panel.ts";
import { taskRows } from "./task_rows.ts";
import { chosenTask, KEY_HELP, listed, TASK_COMMANDS, type View } from "./view.ts";

export interface Size {
  columns: number;
  rows: number;
}

interface Shown extends Size {
  view: View;
  /** Epoch milliseconds. */
  now: number;
  glyphs: Glyphs;
  /** What a command said that a key has run. */
  message?: string;
}

export interface Screen {
  /** As many as the terminal has rows, none wider than it. */
  lines: readonly Line[];
  /** How far its lower part can be scrolled from where it begins, up and down, and how many lines of it fit. */
  scrollMin: number;
  scrollMax: number;
  page: number;
}

const SIZE_MIN: Size = { columns: 20, rows: 6 };

export function screen(model: Model, details: Details, shown: Shown): Screen {
  const { columns, rows, view } = shown;
  if (columns < SIZE_MIN.columns || rows < SIZE_MIN.rows) {
    return {
      lines: filled([[{ text: "too small" }]], { columns, rows }),
      scrollMin: 0,
      scrollMax: 0,
      page: 1,
    };
  }
  const task = chosenTask(model, view);
  const foot = [...messageLines(model, shown), footLine(shown)];
  const above = view.helps ? [] : [
    headLine(model, shown),
    ...view.whole && task ? [] : listLines(model, task, shown),
    ...task ? [ruleLine(task, shown)] : [],
  ];
  const facts = !view.helps && task && view.shows !== "diff" ? factLines(task, model, shown) : [];
  const room = Math.max(0, rows - above.length - foot.length);
  const told = facts.slice(0, Math.max(0, room - 2));
  const page = Math.max(1, room - told.length);
  const lines = view.helps || !task
    ? bodyOf(view.helps ? helpLines() : [], HELP_HANG)
    : panelBody(task, details, shown);
  const { body, rowOf } = view.helps || view.whole
    ? foldedBody(lines, columns)
    : { body: lines, rowOf: (line: number) => line };
  const scrollMax = Math.max(0, body.length - page);
  const begin = view.shows === "stories" && !view.helps && task
    ? Math.min(scrollMax, Math.max(0, rowOf(storyToSee(task)) - Math.floor(page / 3)))
    : 0;
  const at = begin + firstLine(details, { view, scrollMax: scrollMax - begin, page, rowOf, begin });
  const lower = Array.from(
    { length: Math.min(page, body.length - at) },
    (_, i) => body.line(at + i),
  );
  const top = [...above, ...told, ...lower].slice(0, rows - foot.length);
  return {
    lines: [
      ...filled(top, { columns, rows: rows - foot.length }),
      ...filled(foot, {
        columns,
        rows: foot.length,
      }),
    ],
    scrollMin: -begin,
    scrollMax: scrollMax - begin,
    page,
  };
}

/** Which of a long list is seen at first: the story in hand, or the first that is open. */
function storyToSee({ stories = [] }: TaskView): number {
  const inHand = stories.findIndex(({ state }) => state === "in hand");
  const open = stories.findIndex(({ state }) => state === "open");
  return Math.max(0, inHand >= 0 ? inHand : open);
}

/** The first line of the lower part that is shown. */
function firstLine(
  { iterations }: Details,
  { view, scrollMax, page, rowOf, begin }: {
    view: View;
    scrollMax: number;
    page: number;
    rowOf: (line: number) => number;
    begin: number;
  },
): number {
  if (view.shows === "output" && !view.helps) return Math.max(0, scrollMax - view.scroll);
  if (view.shows !== "iterations" || view.helps) {
    return Math.max(-begin, Math.min(view.scroll, scrollMax));
  }
  // Scrolled by itself, so that the chosen one is seen.
  const at = rowOf(Math.max(0, iterations.findIndex(({ number }) => number === view.iteration)));
  return Math.max(0, Math.min(scrollMax, at - Math.floor(page / 2)));
}

function filled(lines: readonly Line[], { columns, rows }: Size): readonly Line[] {
  return Array.from({ length: rows }, (_, i) => fitLine(lines[i] ?? [], columns));
}

function headLine(model: Model, { columns, glyphs, view }: Shown): Line {
  const { tasks, health } = model;
  const atWork = tasks.filter(isAtWork).length;
  const servers = [...health].map(([url, one]) => healthWords(url, one));
  const filter = view.filter === ""
    ? []
    : [`${listed(model, view).length} with \`${plain(view.filter, 20)}\``];
  const words = [...filter, `${atWork} running`, `${tasks.length} in all`, ...servers];
  const isTrouble = [...health.values()].some(({ state }) => state === "not well");
  const title = columns < 40 ? "" : "ralph watch  ";
  return [
    { text: title, style: "bold" },
    { text: words.join(glyphs.between), style: isTrouble ? "red" : undefined },
  ];
}

/** The list takes what it needs, up to half of the screen. */
function listLines(model: Model, chosen: TaskView | undefined, shown: Shown): readonly Line[] {
  const { rows, columns, view } = shown;
  const tasks = listed(model, view);
  if (tasks.length === 0) {
    const text = model.tasks.length === 0
      ? "No task yet. `ralph new <name>` makes one, `ralph run <task>` works on it."
      : `No task has \`${plain(view.filter, 40)}\` in its name, project or status; Esc shows all.`;
    return folded([{ text, style: "dim" }], columns);
  }
  const height = Math.min(tasks.length, Math.max(1, Math.floor((rows - 4) / 2)));
  const at = chosen ? tasks.indexOf(chosen) : 0;
  const first = Math.max(0, Math.min(tasks.length - height, at - Math.floor(height / 2)));
  const { title, rows: lines } = taskRows(tasks.slice(first, first + height), {
    ...shown,
    chosen,
  });
  return [title, ...lines];
}

const TABS = ["stories", "iterations", "output"] as const;

/** The name of the chosen task, and which of its views is shown, in brackets. */
function ruleLine(task: TaskView, { columns, glyphs, view }: Shown): Line {
  const name: Piece[] = [
    { text: `${glyphs.rule}${glyphs.rule} ` },
    { text: plain(calledName(task), 40), style: "bold" },
  ];
  const names = view.shows === "diff" ? ["diff"] : TABS;
  const tabs = names.map((name): Piece =>
    name === view.shows
      ? { text: ` [${name}]`, style: "bold" }
      : { text: columns < 50 ? "" : `  ${name} `, style: "dim" }
  );
  const line = [...name, { text: ` ${glyphs.rule}` }, ...tabs, { text: " " }];
  const left = Math.max(0, columns - width(lineText(line)));
  return [...line, { text: glyphs.rule.repeat(left) }];
}

/** Of a message: what it is about comes first. */
const MESSAGE_LINES = 3;

function messageLines(model: Model, { message, columns, view }: Shown): readonly Line[] {
  const { tasks, trouble } = model;
  if (view.asks === "filter") return [[{ text: `/${plain(view.filter)}_` }]];
  const lines = (text: string, style: "bold" | "red") =>
    folded([{ text: plain(text), style }], columns).slice(0, MESSAGE_LINES);
  if (view.asks) {
    const { command: { name, asks }, taskDir } = view.asks;
    const task = tasks.find((one) => one.taskDir === taskDir);
    const called = task ? plain(calledName(task), 60) : "";
    return lines(`${name} ${called}: ${asks}? y / n`, "bold");
  }
  return [
    ...trouble === undefined ? [] : lines(trouble, "red"),
    ...message === undefined ? [] : lines(message, "bold"),
  ];
}

/** What of the keys is told at the bottom, the most needed first. */
function footLine({ columns, view }: Shown): Line {
  const keys = keysFor(view);
  const fitting = keys.filter((_, i) => keys.slice(0, i + 1).join("  ").length <= columns);
  return [{ text: fitting.join("  "), style: "dim" }];
}

function keysFor({ helps, asks, whole }: View): readonly string[] {
  if (helps) return ["up, down scroll", "any other key: back"];
  if (asks === "filter") return ["Enter show these", "Esc show all"];
  if (asks) return ["y yes", "any other key: no"];
  return [
    "? help",
    "q leave",
    ...whole ? ["Esc back"] : ["Enter open"],
    "Tab view",
    "/ filter",
    ...TASK_COMMANDS.map(({ key, name }) => `${key} ${name}`),
    "l log",
    "d diff",
  ];
}

/** What keys do stands behind them. */
const HELP_HANG = 14;

function helpLines(): readonly Line[] {
  return [
    [{ text: "Keys of ralph watch", style: "bold" }],
    [],
    ...KEY_HELP.map(([keys, what]): Line => [{ text: `  ${keys.padEnd(HELP_HANG - 2)}${what}` }]),
  ];
}
