/** One iteration whole, as lines for a terminal. Values in, strings out. */
import type { Commit, StepCommits } from "../../host/git/commits.ts";
import { outcomeWords, type Standing, standingOf } from "../../report/standing.ts";
import { reviewWords } from "../../report/reviews.ts";
import { tookWords } from "../../report/took.ts";
import {
  type AnswerRecord,
  type Findings,
  type Iteration,
  type Review,
  type Session,
  tokensOf,
  type Usage,
} from "../../store/model.ts";
import type { Colors } from "../../terminal/colors.ts";
import { costWords, shortCost, shortTokens } from "../../terminal/cost.ts";
import { ago, count, duration, plural } from "../../terminal/format.ts";
import { findingWords, withoutFindings } from "../../terminal/finding_words.ts";
import { flakyWords } from "../../terminal/flaky_words.ts";
import { plain } from "../../terminal/plain.ts";
import { hanging, table } from "../../terminal/table.ts";
import { withLocalTime } from "./log_entry.ts";

export interface IterationRecord extends Findings {
  session: Session;
  iteration: Iteration;
  /** Undefined: it got none, or an earlier version wrote none down. */
  prompt?: string;
  answers: readonly AnswerRecord[];
  reviews: readonly Review[];
  /** None: there is no log, or no more of this iteration in it. */
  log: readonly string[];
  /** Undefined: git cannot say which. */
  commits?: StepCommits;
}

const FILES_MAX = 40;

export function iterationView(
  record: IterationRecord,
  { now, colors, columns }: { now: number; colors: Colors; columns: number },
): string[] {
  const { prompt, log, gates, commits, claims, reviews, answers, notes } = record;
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0
      ? []
      : ["", colors.bold(title), ...lines.flatMap((line) => inside(line, columns))];
  return [
    ...headLines(record, { now, colors, columns }),
    ...section("Prompt", prompt === undefined ? ["not on record"] : textLines(prompt)),
    ...section(
      "Log",
      log.length === 0 ? ["none of it is left"] : log.map((line) => plain(withLocalTime(line))),
    ),
    ...section("Gates", gates.flatMap((gate) => gateLines(gate, colors))),
    ...section("Commits", commitLines(record.iteration, commits, colors)),
    ...section("Claims", claims.map((claim) => claimLine(claim, colors))),
    ...section("Reviews", reviews.flatMap((review) => reviewLines(review, colors))),
    ...section(
      "Asked",
      answers.flatMap(({ asked, answer }) => [
        `asked: ${plain(asked, 1_000)}`,
        `answered: ${plain(answer, 1_000)}`,
      ]),
    ),
    ...section("Notes", notes.map(({ text }) => plain(text, 2_000))),
  ];
}

/** A line of a section, going on below what stands behind its time, and the blanks that it begins with. */
function inside(line: string, columns: number): string[] {
  const [head] = /^(?:\d\d:\d\d:\d\d)? */.exec(line) ?? [""];
  return hanging(`  ${head}`, line.slice(head.length), columns);
}

/** Says nothing that the words do not. */
export function toneColor({ tone }: Standing, colors: Colors): (text: string) => string {
  return { good: colors.green, partly: colors.yellow, bad: colors.red, open: colors.dim }[tone];
}

function headLines(
  { session, iteration, claims }: IterationRecord,
  { now, colors, columns }: { now: number; colors: Colors; columns: number },
): string[] {
  const isOpen = session.status === "running";
  const standing = standingOf(iteration, { claims, isOpen });
  const { sign, word } = standing;
  const { usage } = iteration;
  const unknown = isOpen && iteration.endedAt === null ? "not known before it ends" : "unknown";
  const rows: [string, string | null][] = [
    ["story", [iteration.storyId, iteration.storyTitle].filter(Boolean).join(" ") || null],
    ["outcome", outcomeWords(iteration, word)],
    ["needs", iteration.blocked],
    ["began", `${iteration.startedAt} (${ago(Date.parse(iteration.startedAt), now)})`],
    ["time", iteration.endedAt === null ? null : tookWords(iteration)],
    ["tokens", usage ? tokenWords(usage) : unknown],
    ["cost", usage && shortCost(usage) !== "unknown" ? costWords(usage) : unknown],
    ["counts", iteration.counts ? null : "no: the provider refused it, which costs no iteration"],
    ["changed", changeWords(iteration)],
    ["OpenCode", iteration.openCodeSessionId],
  ];
  const shown = rows.flatMap(([key, value]) => value === null ? [] : [[key, plain(value)]]);
  return [
    `${toneColor(standing, colors)(`${sign} ${word}`)}  ` +
    colors.bold(`iteration ${iteration.number} of session ${session.id}`) +
    `, ${plain(session.taskName, 80)}`,
    ...table(shown.map(([key, value]) => [`  ${key}:`.padStart(12), value]), columns),
  ];
}

function tokenWords(usage: Usage): string {
  const [sum, calls] = [
    shortTokens(tokensOf(usage), usage),
    plural(usage.modelCalls, "model call"),
  ];
  if (sum === "unknown") return `unknown, ${calls}`;
  const kinds = [
    `${count(usage.inputTokens)} in`,
    `${count(usage.outputTokens)} out`,
    `${count(usage.reasoningTokens)} reasoning`,
    `${count(usage.cacheReadTokens)} read from the cache`,
    `${count(usage.cacheWriteTokens)} written to it`,
  ];
  return `${sum} (${kinds.join(", ")}), ${calls}`;
}

function changeWords({ filesChanged, headBefore, headAfter }: Iteration): string | null {
  const heads = [headBefore, headAfter].map((head) => head?.slice(0, 12) ?? "unknown");
  const files = filesChanged === null ? "files unknown" : plural(filesChanged, "file");
  return headAfter === null ? null : `${files}, ${heads.join("..")}`;
}

/** In lines of its own, each safe to print. */
function textLines(text: string): string[] {
  return text.trimEnd().split("\n").map((line) => plain(line));
}

function gateLines(
  { gate, passed, flaky, why, output, durationMs, final }: Findings["gates"][number],
  colors: Colors,
): string[] {
  const sign = passed ? colors.green("✓") : colors.red("✗");
  const words = flaky ? flakyWords(why) : why;
  const what = final ? " (all gates, at the end)" : "";
  return [
    `${sign} ${plain(gate)}: ${plain(words, 300)} (${duration(durationMs)})${what}`,
    ...output.trim() === "" ? [] : textLines(output).map((line) => `    ${line}`),
  ];
}

/** All that a reviewer found, met or not, with its places. */
function reviewLines(review: Review, colors: Colors): string[] {
  const sign = review.outcome === "passed" ? colors.green("✓") : colors.red("✗");
  return [
    `${review.outcome === null ? "…" : sign} ${reviewWords(review)}`,
    ...review.findings.map((one) =>
      `  ${one.met ? "✓" : "✗"} ${plain(one.storyId, 60)}: ${findingWords(one)}`
    ),
  ];
}

function claimLine(
  { storyId, held, why }: Findings["claims"][number],
  colors: Colors,
): string {
  const because = why === null ? "" : `: ${plain(withoutFindings(why), 1_000)}`;
  const story = plain(storyId, 60);
  if (held === true) return `${colors.green("✓")} ${story} holds${because}`;
  if (held === false) return `${colors.red("✗")} ${story} was taken back${because}`;
  return `${colors.yellow("•")} ${story} was not judged${because}`;
}

function commitLines(
  { commits: made, endedAt }: Iteration,
  found: IterationRecord["commits"],
  colors: Colors,
): string[] {
  if (found === undefined) {
    if (endedAt === null || made === 0) return [];
    if (made === null) return ["unknown: git could not say"];
    return [`${plural(made, "commit")} on record, and git does not show which`];
  }
  const leftOut = found.leftOut > 0 ? [`… ${plural(found.leftOut, "older commit")}`] : [];
  return [...leftOut, ...found.commits.flatMap((commit) => oneCommit(commit, colors))];
}

function oneCommit({ id, subject, author, files, isMerge }: Commit, colors: Colors): string[] {
  const shown = files.slice(0, FILES_MAX).map(({ path, added, deleted }) => [
    "   ",
    added === null ? "binary" : `+${added}`,
    deleted === null ? "" : `-${deleted}`,
    plain(path, 200),
  ]);
  return [
    `${colors.yellow(id.slice(0, 12))} ${plain(subject, 200)}  ${colors.dim(plain(author, 60))}`,
    ...table(shown),
    ...isMerge ? ["    a merge"] : [],
    ...files.length > FILES_MAX ? [`    … and ${plural(files.length - FILES_MAX, "file")}`] : [],
  ];
}
