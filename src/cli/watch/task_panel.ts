/** The chosen task: what it is at, and its stories, its iterations or what it says. */
import { withLocalTime } from "../output/log_entry.ts";
import { tookWords } from "../../report/took.ts";
import { tokensOf } from "../../store/model.ts";
import { costWords, tokenWords } from "../../terminal/cost.ts";
import { age, plural } from "../../terminal/format.ts";
import { plain } from "../../terminal/plain.ts";
import { table, width } from "../../terminal/table.ts";
import { VERSION } from "../../version.ts";
import type { Glyphs } from "./glyphs.ts";
import { folded, type Line, lineText, type Piece, wrapped } from "./lines.ts";
import type { Details, Health, Model, Round, StoryState, TaskView } from "./model.ts";
import { costOf, elapsed, nowWords, silentFor, statusStyle } from "./task_rows.ts";
import type { View } from "./view.ts";

interface Around {
  columns: number;
  now: number;
  glyphs: Glyphs;
}

/** Lines of how it ended: the rest is for the whole screen. */
const ENDED_MAX = 2;

/** What it is at, in a few lines. */
export function factLines(
  task: TaskView,
  { health }: Pick<Model, "health">,
  { columns, now, glyphs, view }: Around & { view: View },
): readonly Line[] {
  const { session } = task;
  const first = [{ text: plain(nowWords(task, now)), style: statusStyle(task) }];
  const silent = silentFor(task, now);
  const facts = [
    ...session
      ? [`session ${session.id}`, `iteration ${session.iterations}/${session.maxIterations ?? "?"}`]
      : [],
    ...session?.status === "running" && session.currentStory
      ? [`story ${plain(session.currentStory, 40)}`]
      : [],
    ...session || task.starting ? [`time ${elapsed(task, now)}`] : [],
    ...silent === undefined ? [] : [`silent ${silent}`],
    ...session ? [`cost ${costOf(task)}`] : [],
    ...session?.model ? [`model ${plain(session.model, 60)}`] : [],
    ...session?.status === "running" ? [workerWords(task), serverWords(task, health)] : [],
    ...task.problem ? [plain(task.problem, 200)] : [],
  ];
  const last = task.live && task.last ? [`last: ${plain(task.last.text.trim(), 400)}`] : [];
  const ended = session && session.status !== "running" && session.detail
    ? folded([{ text: plain(session.detail, 600), style: "dim" }], columns)
    : [];
  return [
    first,
    ...wrapped(facts, columns, glyphs.between).map((text): Line => [{ text }]),
    ...last.map((text): Line => [{ text, style: "dim" }]),
    ...view.whole ? ended : ended.slice(0, ENDED_MAX),
  ];
}

function workerWords({ session, live }: TaskView): string {
  const version = session?.workerVersion === VERSION ? "" : `, ralph ${session?.workerVersion}`;
  return `worker ${session?.workerPid} ${live ? "alive" : "gone"}${plain(version, 40)}`;
}

function serverWords({ session }: TaskView, health: Model["health"]): string {
  const url = session?.serverUrl;
  return `server ${url ? healthWords(url, health.get(url)) : "unknown"}`;
}

/** A server's address, and what it said when it was asked last. */
export function healthWords(url: string, health: Health | undefined): string {
  const shown = plain(url, 60).replace(/^http:\/\//, "");
  if (!health || health.state === "asked") return shown;
  return health.state === "well"
    ? `${shown} well (${plain(health.version, 20)})`
    : `${shown} not well: ${plain(health.why, 120)}`;
}

/** Lines that are made when they are shown: there may be thousands. */
export interface Body {
  length: number;
  line: (index: number) => Line;
  /** How far in a line goes on that is folded. */
  hang?: (line: Line) => number;
  /** What its lines are made of: the same as before, and they are the same. */
  of?: object;
}

export function bodyOf(lines: readonly Line[], hang = 0): Body {
  return { length: lines.length, line: (index) => lines[index], hang: () => hang };
}

/** The time, and the blanks with which a line of a log begins. */
const LOG_HEAD = /^(?:\d\d:\d\d:\d\d)? */;
const logHang = (line: Line) => LOG_HEAD.exec(lineText(line))?.[0].length ?? 0;

/** The view's lines. */
export function panelBody(
  task: TaskView,
  { iterations, output, diff }: Details,
  { view, ...around }: Around & { view: View },
): Body {
  switch (view.shows) {
    case "stories":
      return bodyOf(storyLines(task, around), STORY_HANG);
    case "iterations":
      return bodyOf(iterationLines(iterations, { view, ...around }), ITERATION_HANG);
    case "output":
      return output.length > 0
        ? {
          length: output.length,
          line: (i) => [{ text: plain(withLocalTime(output[i])) }],
          hang: logHang,
          of: output,
        }
        : bodyOf([[{ text: "it has said nothing yet", style: "dim" }]]);
    case "diff":
      return { length: diff.length, line: (i) => diffLine(diff[i]), hang: () => 1, of: diff };
  }
}

/** Behind the state of a story, and behind the number of an iteration. */
const STORY_HANG = 14;
const ITERATION_HANG = 6;

const STORY_STYLES: Readonly<Record<StoryState, Piece["style"]>> = {
  done: "green",
  "in hand": "bold",
  open: undefined,
  waits: "dim",
  "left out": "dim",
};

function storyLines({ stories, problem }: TaskView, { glyphs }: Around): readonly Line[] {
  if (!stories) return [[{ text: plain(problem ?? "it has no PRD", 400), style: "dim" }]];
  const ids = Math.max(...stories.map(({ id }) => width(plain(id, 20))), 0);
  return stories.map(({ id, title, state, why }) => {
    const label = plain(id, 20);
    const space = " ".repeat(Math.max(0, ids - width(label)));
    const more = why === "" ? "" : `  (${plain(why, 400)})`;
    const text = `${glyphs.story[state]} ${state.padEnd(8)}  ${label}${space}  ${
      plain(title, 1_000)
    }`;
    return [{ text: `  ${text.trimEnd()}${more}`, style: STORY_STYLES[state] }];
  });
}

function iterationLines(
  iterations: readonly Round[],
  { view, glyphs, now }: Around & { view: View },
): readonly Line[] {
  if (iterations.length === 0) return [[{ text: "no iteration yet", style: "dim" }]];
  const chosen = iterations.find(({ number }) => number === view.iteration) ?? iterations[0];
  const rows = iterations.map((one) => [
    `${one === chosen ? glyphs.chosen : " "} ${one.number}`,
    plain(one.storyId ?? "-", 20),
    one.standing.word,
    one.standing.word === "under way" ? age(Date.parse(one.startedAt), now) : tookWords(one),
    one.usage ? tokenWords(tokensOf(one.usage), one.usage) : unknownOf(one, "tokens"),
    one.usage ? costWords(one.usage) : unknownOf(one, "cost"),
    one.commits === null ? "-" : plural(one.commits, "commit"),
    plain(one.detail ?? "", 300),
  ]);
  return table(rows).map((text, i) => [{
    text,
    style: iterations[i] === chosen ? "bold" : undefined,
  }]);
}

/** Of one that is under way nothing is known yet. */
const unknownOf = ({ endedAt }: Round, what: string) => endedAt === null ? "-" : `${what} unknown`;

function diffLine(text: string): Line {
  const style = /^(\+\+\+|---|diff |index |@@)/.test(text)
    ? "cyan"
    : text.startsWith("+")
    ? "green"
    : text.startsWith("-")
    ? "red"
    : undefined;
  // A tab would be an escape for `plain`.
  return [{ text: plain(text.replaceAll("\t", "    "), 1_000), style }];
}
