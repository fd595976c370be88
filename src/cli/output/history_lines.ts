/** `ralph history`: a session with its iterations, the newest first. Values in, lines out. */
import {
  type Claim,
  type Findings,
  type GateRecord,
  type Iteration,
  type Review,
  type Session,
  type SessionUsage,
  type Spent,
  spentOf,
  tokensOf,
  type Word,
} from "../../store/model.ts";
import type { Colors } from "../../terminal/colors.ts";
import { costWords, shortCost, shortTokens, tokenWords } from "../../terminal/cost.ts";
import { ago, duration, localMoment, plural, usd } from "../../terminal/format.ts";
import { findingWords, isTold, withoutFindings } from "../../terminal/finding_words.ts";
import { passesWords } from "../../terminal/flaky_words.ts";
import { plain } from "../../terminal/plain.ts";
import { type Column, fittedTable, width } from "../../terminal/table.ts";
import { wrap } from "../../terminal/table.ts";
import { WITHOUT_OPEN } from "./status_tables.ts";
import { toneColor } from "./iteration_view.ts";
import { type Standing, standingOf } from "../../report/standing.ts";
import { reviewCost, reviewWords } from "../../report/reviews.ts";
import { tookWords } from "../../report/took.ts";

export interface Told {
  session: Session;
  iterations: readonly Iteration[];
  findings: Findings;
  /** What a person said. */
  words: readonly Word[];
  reviews: readonly Review[];
  used: SessionUsage;
  maxCostUsd?: number;
  /** How long the session has worked. */
  workedMs?: number;
}

interface Screen {
  now: number;
  /** Infinity: nothing is cut or broken, and outcomes are words without signs. */
  columns: number;
  colors: Colors;
  /** With ids, and with what the table may cut. */
  verbose: boolean;
}

interface Row {
  iteration: Iteration;
  standing: Standing;
}

/** The lines of one session. */
export function sessionLines(told: Told, screen: Screen): string[] {
  const { session, iterations, findings } = told;
  const { colors, columns } = screen;
  const isOpen = session.status === "running";
  const rows = iterations.toReversed().map((iteration) => ({
    iteration,
    standing: standingOf(iteration, { claims: claimsOf(findings, iteration), isOpen }),
  }));
  const inside = { ...screen, columns: columns - 2 };
  return [
    ...titleLines(session, screen),
    ...wrap(startWords(session, screen), columns - 2).map((line) => colors.dim(`  ${line}`)),
    ...wrap(`in all: ${totalWords([told])}`, columns - 2).map((line) => `  ${line}`),
    ...rows.length === 0 ? [] : iterationTable(rows, inside).map((line) => `  ${line}`),
    ...findingLines(told, inside).map((line) => `  ${line}`),
  ];
}

/** What sessions, one at least, came to: iterations, time, cost, commits. */
export function totalWords(sessions: readonly Told[]): string {
  const iterations = sessions.flatMap((one) => one.iterations);
  const times = sessions.map(({ workedMs }) => workedMs);
  const workedMs = times.every((ms) => ms !== undefined)
    ? duration(times.reduce((sum, ms) => sum + ms, 0))
    : "time unknown";
  const spent = sumOf(sessions);
  const isOpen = sessions.some(isUnderWay);
  const [limit] = sessions.length === 1 ? sessions.map(({ maxCostUsd }) => maxCostUsd) : [];
  const reviewed = reviewCost(sessions.flatMap(({ reviews }) => reviews));
  const commits = iterations.reduce((all, one) => all + (one.commits ?? 0), 0);
  return [
    plural(iterations.length, "iteration"),
    workedMs,
    costWords(spent) +
    (limit === undefined ? "" : ` (limit ${usd(limit)})`),
    tokenWords(tokensOf(spent), spent),
    plural(commits, "commit"),
    reviewed === undefined ? undefined : `of the cost ${reviewed}`,
    isOpen ? WITHOUT_OPEN : undefined,
  ].filter((one) => one !== undefined).join(", ");
}

const isUnderWay = ({ session, used }: Told) => session.status === "running" && used.open > 0;

/** What one left that died is unknown; what one under way uses is told by itself. */
function sumOf(sessions: readonly Told[]): Spent {
  const all = sessions.map((one) =>
    spentOf({ ...one.used, open: isUnderWay(one) ? 0 : one.used.open })
  );
  return all.reduce((sum, one) => {
    const keys = Object.keys(one) as (keyof Spent)[];
    return Object.fromEntries(keys.map((key) => [key, sum[key] + one[key]])) as unknown as Spent;
  });
}

function titleLines(session: Session, { columns, colors }: Screen): string[] {
  const state = plain(session.status, 20);
  const head = `${colors.bold(`session ${session.id}`)}  ${plain(session.taskName, 80)}  ${state}`;
  const why = session.detail ?? session.activity;
  if (!why) return [head];
  const shown = plain(why, 300);
  const one = `${head}: ${shown}`;
  return width(one) <= columns
    ? [one]
    : [`${head}:`, ...wrap(shown, columns - 2).map((line) => `  ${line}`)];
}

function startWords(session: Session, { now }: Screen): string {
  const at = Date.parse(session.startedAt);
  const max = session.maxIterations;
  return `started ${localMoment(at)} (${ago(at, now)}), ` +
    `${session.iterations} of ${max === null ? "unknown iterations" : plural(max, "iteration")}`;
}

const WHAT_MIN = 8;

function iterationTable(rows: readonly Row[], { columns, colors }: Screen): string[] {
  const isPiped = columns === Infinity;
  const number: Column<Row> = { title: "#", cell: ({ iteration }) => String(iteration.number) };
  const story: Column<Row> = {
    title: "STORY",
    cell: ({ iteration }) => plain(iteration.storyId ?? "-", 20),
  };
  const outcome: Column<Row> = {
    title: "OUTCOME",
    cell: ({ standing: { sign, word } }) => isPiped ? word : `${sign} ${word}`,
    paint: (text, { standing }) => toneColor(standing, colors)(text),
  };
  const time: Column<Row> = { title: "TIME", cell: ({ iteration }) => tookWords(iteration) };
  const tokens: Column<Row> = {
    title: "TOKENS",
    cell: ({ iteration: { usage }, standing: { sign } }) =>
      usage ? shortTokens(tokensOf(usage), usage) : sign === "…" ? "-" : "unknown",
  };
  const cost: Column<Row> = {
    title: "COST",
    cell: ({ iteration: { usage }, standing: { sign } }) =>
      usage === null && sign === "…" ? "-" : shortCost(usage ?? undefined),
  };
  const commits: Column<Row> = {
    title: "COMMITS",
    cell: ({ iteration }) => iteration.commits === null ? "-" : String(iteration.commits),
  };
  const what: Column<Row> = {
    title: "WHAT",
    cell: ({ iteration }) => plain(iteration.detail ?? ""),
    min: WHAT_MIN,
  };
  const layouts = [
    [number, story, outcome, time, tokens, cost, commits, what],
    [number, story, outcome, time, cost, commits, what],
    [number, story, outcome, time, cost, commits],
    [number, story, outcome, time, cost],
    [number, story, outcome],
  ];
  return fittedTable(rows, layouts, { columns, paintTitle: colors.dim });
}

/** What was found out, by iteration: gates, claims that do not hold, what was put right. */
function findingLines(
  { iterations, findings: { gates, claims, notes }, words, reviews }: Told,
  { columns, colors, verbose }: Screen,
): string[] {
  const runs = Map.groupBy(gates, ({ iteration, final }) => `${iteration} ${final}`);
  const whole = iterations.flatMap((one) =>
    [idWords(one), plain(one.detail ?? "")].filter((text) => text !== "")
      .map((text) => ({ iteration: one.number, text }))
  );
  const lines = [
    ...verbose ? whole : [],
    ...[...runs.values()].map((run) => ({
      iteration: run[0].iteration,
      text: `${runName(run[0])}: ${run.map(gateWords).join("; ")}`,
    })),
    ...claims.filter(({ held, why }) => held === true && why !== null).map(
      ({ iteration, storyId, why }) => ({
        iteration,
        text: `${plain(storyId, 60)} holds: ${plain(why ?? "", 300)}`,
      }),
    ),
    ...claims.filter(({ held }) => held !== true).map(({ iteration, storyId, held, why }) => ({
      iteration,
      text: `${plain(storyId, 60)} was claimed and ${held === null ? "not judged" : "taken back"}` +
        `: ${plain(withoutFindings(why ?? ""), 300)}`,
    })),
    ...reviews.map((review) => ({
      iteration: review.iteration,
      text: [reviewWords(review), ...toldWords(review)].join("; "),
    })),
    ...notes.map(({ iteration, text }) => ({ iteration, text: plain(text, 500) })),
    ...words.map(({ text, told }) => ({
      iteration: told?.iteration ?? 0,
      text: `a person said${told?.how === "turn" ? " to the turn at work" : ""}: ` +
        plain(text, 500),
    })),
  ];
  return lines.toSorted((a, b) => b.iteration - a.iteration).flatMap(({ iteration, text }) => {
    const key = `${iteration}:`;
    const [first, ...rest] = wrap(text, columns - key.length - 1);
    return [
      `${colors.dim(key)} ${first}`,
      ...rest.map((line) => " ".repeat(key.length + 1) + line),
    ];
  });
}

const toldWords = ({ findings }: Review) =>
  findings.filter(isTold).map((one) => `${plain(one.storyId, 60)}: ${findingWords(one)}`);

function idWords({ openCodeSessionId, headBefore, headAfter }: Iteration): string {
  const commit = (id: string | null) => id === null ? "unknown" : plain(id.slice(0, 12));
  const moved = headBefore !== headAfter && headAfter !== null;
  return [
    `OpenCode session ${plain(openCodeSessionId ?? "-", 60)}`,
    moved ? `commits ${commit(headBefore)}..${commit(headAfter)}` : `at ${commit(headBefore)}`,
  ].join(", ");
}

function runName({ iteration, final }: { iteration: number; final: boolean }): string {
  if (iteration === 0) return "all gates, before the first turn";
  return final ? "all gates" : "gates";
}

function gateWords({ gate, durationMs, ...ran }: GateRecord): string {
  const words = ran.passed ? passesWords(ran) : `fails: ${ran.why}`;
  return `${gate} ${plain(words, 200)} (${duration(durationMs)})`;
}

function claimsOf({ claims }: Findings, { number }: Iteration): readonly Claim[] {
  return claims.filter(({ iteration }) => iteration === number);
}
