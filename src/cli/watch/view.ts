/** What a person has chosen to see, and what follows from a key: pure. */
import { isAtWork, type Model, type TaskView } from "./model.ts";

const VIEWS = ["stories", "iterations", "output"] as const;
type ViewName = typeof VIEWS[number] | "diff";

export interface View {
  /** The chosen task; absent: the first that is shown. */
  task?: string;
  shows: ViewName;
  /** The chosen task has the whole screen. */
  whole: boolean;
  /** Lines from where it begins: the top, the story in hand, or the end of the output. */
  scroll: number;
  /** The number of the chosen iteration; absent: the latest. */
  iteration?: number;
  filter: string;
  /** A command is for the task that was chosen when its key was pressed, whatever is chosen by now. */
  asks?: "filter" | { command: TaskCommand; taskDir: string };
  helps: boolean;
}

export const FIRST_VIEW: View = {
  shows: "stories",
  whole: false,
  scroll: 0,
  filter: "",
  helps: false,
};

/** A command of ralph's that a key runs for the chosen task. */
export interface TaskCommand {
  key: string;
  /** The command's name. */
  name: string;
  what: string;
  /** What is asked before it is run. */
  asks?: string;
  /** It gets the terminal: all of it, or to ask something, and says then what came of it. */
  takes?: "terminal" | "questions";
}

/** One line is all that a further command takes. */
export const TASK_COMMANDS: readonly TaskCommand[] = [
  {
    key: "a",
    name: "attach",
    what: "the agent's conversation in OpenCode; leaving it comes back here",
    takes: "terminal",
  },
  {
    key: "s",
    name: "stop",
    what: "stop it now; asks first",
    asks: "abort the agent's turn and end the session",
  },
  { key: "c", name: "checkpoint", what: "pause it after this iteration" },
  { key: "r", name: "run", what: "run it again, or go on with it" },
  { key: "n", name: "say", what: "tell the agent something", takes: "questions" },
];

/** What a key makes the program do. */
export type Effect =
  | { type: "quit" }
  | { type: "suspend" }
  | { type: "repaint" }
  | { type: "diff" }
  | { type: "command"; command: TaskCommand; taskDir: string };

/** What a key is judged by, beside the view. */
interface Shown {
  /** Folders of the tasks that are listed, in order. */
  tasks: readonly string[];
  /** Of the chosen one. */
  chosen: string | undefined;
  /** Numbers of the chosen task's iterations, the latest first. */
  iterations: readonly number[];
  /** How far what is shown can be scrolled from where it begins, up and down, and how many lines of it fit. */
  scrollMin: number;
  scrollMax: number;
  page: number;
}

/** The tasks that the filter lets through: by name, project or status. */
export function listed({ tasks }: Model, { filter }: Pick<View, "filter">): readonly TaskView[] {
  const wanted = filter.toLowerCase();
  const words = (task: TaskView) =>
    [task.name, task.projectRoot, isAtWork(task) ? "running" : task.session?.status ?? "new"]
      .join(" ").toLowerCase();
  return wanted === "" ? tasks : tasks.filter((task) => words(task).includes(wanted));
}

/** The chosen task: the first that is listed where the chosen one is not. */
export function chosenTask(model: Model, view: View): TaskView | undefined {
  const tasks = listed(model, view);
  return tasks.find(({ taskDir }) => taskDir === view.task) ?? tasks.at(0);
}

interface Pressed {
  view: View;
  effect?: Effect;
}

/** What a key does, by its name as `key_names.ts` has it. */
export function press(view: View, key: string, shown: Shown): Pressed {
  if (key === "ctrl-c") return { view, effect: { type: "quit" } };
  if (key === "ctrl-z") return { view, effect: { type: "suspend" } };
  if (key === "ctrl-l") return { view, effect: { type: "repaint" } };
  if (view.helps) {
    const scroll = MOVES[key];
    return { view: scroll ? scrolled(view, scroll, shown) : { ...view, helps: false, scroll: 0 } };
  }
  if (view.asks === "filter") return { view: filtering(view, key) };
  if (view.asks) {
    const { asks, ...rest } = view;
    return key === "y" ? { view: rest, effect: { type: "command", ...asks } } : { view: rest };
  }
  const move = MOVES[key];
  if (move) return { view: moved(view, move, shown) };
  const command = TASK_COMMANDS.find((one) => one.key === key);
  if (command && shown.chosen !== undefined) {
    const what = { command, taskDir: shown.chosen };
    return command.asks === undefined
      ? { view, effect: { type: "command", ...what } }
      : { view: { ...view, asks: what } };
  }
  return pressOther(view, key, shown);
}

function pressOther(view: View, key: string, shown: Shown): Pressed {
  switch (key) {
    case "q":
      return { view, effect: { type: "quit" } };
    case "?":
      return { view: { ...view, helps: true, scroll: 0 } };
    case "/":
      return { view: { ...view, asks: "filter", whole: false } };
    case "tab":
    case "right":
      return { view: turned(view, 1) };
    case "shift-tab":
    case "left":
      return { view: turned(view, -1) };
    case "enter":
      return { view: { ...view, whole: shown.chosen !== undefined, scroll: 0 } };
    case "l":
      if (shown.chosen === undefined) return { view };
      return { view: { ...view, shows: "output", whole: true, scroll: 0 } };
    case "d": {
      if (shown.iterations.length === 0) return { view };
      return {
        view: { ...view, shows: "diff", whole: true, scroll: 0 },
        effect: { type: "diff" },
      };
    }
    case "escape":
    case "backspace":
      return { view: back(view) };
    default:
      return { view };
  }
}

/** One step out of what was opened last. */
function back(view: View): View {
  if (view.shows === "diff") return { ...view, shows: "iterations", scroll: 0 };
  if (view.whole) return { ...view, whole: false, scroll: 0 };
  return { ...view, filter: "" };
}

function filtering(view: View, key: string): View {
  const { asks: _, ...rest } = view;
  if (key === "enter") return rest;
  if (key === "escape") return { ...rest, filter: "" };
  if (key === "backspace") return { ...view, filter: [...view.filter].slice(0, -1).join("") };
  const typed = key === "space" ? " " : key;
  return [...typed].length === 1 ? { ...view, filter: view.filter + typed } : view;
}

function turned(view: View, by: 1 | -1): View {
  const at = VIEWS.findIndex((name) => name === view.shows);
  const shows = VIEWS[(Math.max(at, 0) + by + VIEWS.length) % VIEWS.length];
  return { ...view, shows, scroll: 0 };
}

type Move = { lines: number } | { pages: number } | { to: "start" | "end" };

const MOVES: Readonly<Record<string, Move>> = {
  up: { lines: -1 },
  k: { lines: -1 },
  down: { lines: 1 },
  j: { lines: 1 },
  "page-up": { pages: -1 },
  "page-down": { pages: 1 },
  space: { pages: 1 },
  home: { to: "start" },
  g: { to: "start" },
  end: { to: "end" },
  G: { to: "end" },
};

/** Single lines choose a task in the list, an iteration among them, and scroll all else. */
function moved(view: View, move: Move, shown: Shown): View {
  if (!view.whole && !("pages" in move)) {
    const task = stepped(shown.tasks, view.task, move);
    return task === view.task ? view : { ...view, task, iteration: undefined, scroll: 0 };
  }
  if (view.shows === "iterations" && !("pages" in move)) {
    return { ...view, iteration: stepped(shown.iterations, view.iteration, move) };
  }
  return scrolled(view, move, shown);
}

function scrolled(view: View, move: Move, shown: Shown): View {
  const down = view.shows === "output" && !view.helps ? -1 : 1;
  const by = "lines" in move ? move.lines : "pages" in move ? move.pages * shown.page : 0;
  const to = "to" in move && ((move.to === "end") === (down === 1) ? Infinity : -Infinity);
  const scroll = to === false ? view.scroll + down * by : to;
  return { ...view, scroll: Math.max(shown.scrollMin, Math.min(shown.scrollMax, scroll)) };
}

/** Another one of a list; the first stands for one that is not in it. */
function stepped<T>(
  all: readonly T[],
  now: T | undefined,
  move: Exclude<Move, { pages: number }>,
): T | undefined {
  const at = Math.max(0, all.findIndex((one) => one === now));
  const to = "lines" in move ? at + move.lines : move.to === "start" ? 0 : all.length - 1;
  return all[Math.max(0, Math.min(all.length - 1, to))];
}

/** What the help lists, in its order. */
export const KEY_HELP: readonly (readonly [keys: string, what: string])[] = [
  ["up, down", "choose a task, or an iteration; scroll what is open"],
  ["Tab", "stories, iterations, output of the chosen task"],
  ["Enter", "open it over the whole screen, where no line is cut; Esc goes back"],
  ["/", "show only tasks with this in their name, project or status"],
  ...TASK_COMMANDS.map(({ key, what }) => [key, what] as const),
  ["l", "its log"],
  ["d", "what the chosen iteration changed, as a diff"],
  ["PgUp, PgDn", "scroll; Home and End"],
  ["Ctrl-L", "draw the screen again"],
  ["Ctrl-Z", "suspend; `fg` comes back"],
  ["q", "leave; everything goes on running"],
];
