/** `ralph status <task>` for people: what one session is, and how it is. Values in, lines out. */
import * as path from "node:path";
import type { StoryCount } from "../../control/session_prd.ts";
import { whyNotLogged } from "../../host/files/log_file.ts";
import type { SessionLog } from "../../control/session_log.ts";
import {
  type Findings,
  type Session,
  type Spent,
  spentOf,
  tokensOf,
  type Word,
  type Worktree,
} from "../../store/model.ts";
import { costWords, shortCost, shortTokens } from "../../terminal/cost.ts";
import { ago, localMoment, plural, usd } from "../../terminal/format.ts";
import { passesWords } from "../../terminal/flaky_words.ts";
import { plain } from "../../terminal/plain.ts";
import { width, wrap } from "../../terminal/table.ts";
import { VERSION } from "../../version.ts";
import { barWords, stateWords, type TaskRow, timeWords, WITHOUT_OPEN } from "./status_tables.ts";

interface Detail extends TaskRow {
  now: number;
  /** Its worker lives. */
  alive: boolean;
  findings: Findings;
  words: readonly Word[];
  log?: SessionLog;
  /** Of its PRD. */
  remarks: readonly string[];
}

type Row = readonly [key: string, value: string];

/** What there is to say of a session, by key. */
export function detailRows(facts: Detail): readonly Row[] {
  const { session, now, alive, findings, words, log, remarks, stories, worktree } = facts;
  const since = (time: string) =>
    `${localMoment(Date.parse(time))} (${ago(Date.parse(time), now)})`;
  const running = session.status === "running";
  const rows: [string, string | null][] = [
    [
      "status",
      running ? `${stateWords(session)} since ${since(session.startedAt)}` : session.status,
    ],
    ["reason", [session.reason, session.detail].filter(Boolean).join(": ") || null],
    ["ended", session.endedAt && since(session.endedAt)],
    [
      "now",
      session.activity &&
      `${session.activity}${session.activitySince ? ` since ${since(session.activitySince)}` : ""}`,
    ],
    ["stories", stories ? `${barWords({ stories })} pass${claimedWords(stories)}` : null],
    ["story", session.currentStory],
    ["only", session.onlyStory],
    ["iterations", `${session.iterations} of ${session.maxIterations ?? "unknown"}`],
    ["time", timeWords(facts)],
    ["cost", costRow(facts)],
    ["tokens", tokenRow(facts)],
    ["task", placeWords(session)],
    ["worktree", worktree ? worktreeWords(worktree) : null],
    ["PRD", remarks.join("; ") || null],
    ["gates", gateWords(findings)],
    ["claims", claimWords(findings)],
    ["tests", findings.notes.findLast(({ about }) => about === "tests")?.text ?? null],
    ["git", gitWords(session, findings)],
    ["hooks", hookWords(findings)],
    ["answer", session.said],
    ["said", saidWords(words)],
    ["server", running ? session.serverUrl : `- (last: ${session.serverUrl ?? "unknown"})`],
    ["model", session.model],
    ["agent", session.agent],
    ["worker", running ? workerWords(session, alive) : null],
    ["OpenCode", session.openCodeSessionId],
    ["log", log ? logWords(log, { alive }) : null],
  ];
  return rows.flatMap(([key, value]) => value === null ? [] : [[key, plain(value)]]);
}

const claimedWords = ({ claimed }: StoryCount) =>
  claimed === 0 ? "" : `; ${claimed} more said to be done, and not judged yet`;

const KEY_COLUMNS = 15;

/** Rows with their keys aligned; values go on under themselves where they do not fit. */
export function rowLines(rows: readonly Row[], columns: number): string[] {
  return rows.flatMap(([key, value]) =>
    wrap(value, Math.max(columns - KEY_COLUMNS - 2, 10)).map((line, i) => {
      const left = i === 0 ? `${key}:` : "";
      return `${" ".repeat(Math.max(KEY_COLUMNS - width(left), 0))}${left}  ${line}`.trimEnd();
    })
  );
}

/** What was spent, and of how much. */
function costRow(facts: Detail): string {
  const { maxCostUsd } = facts;
  const { spent, more } = spentBy(facts);
  const limit = maxCostUsd === undefined ? "" : ` (limit ${usd(maxCostUsd)})`;
  const words = shortCost(spent) === "unknown" ? "unknown" : costWords(spent);
  return `${words}${limit}${more}`;
}

function tokenRow(facts: Detail): string {
  const { spent, more } = spentBy(facts);
  const calls = spent.modelCalls > 0 ? `, ${plural(spent.modelCalls, "model call")}` : "";
  return `${shortTokens(tokensOf(spent), spent)}${calls}${more}`;
}

/** What is known, and that there is more: what an iteration uses that is under way is told at its end. */
function spentBy({ session, used }: TaskRow): { spent: Spent; more: string } {
  const isUnderWay = session.status === "running" && used.open > 0;
  return {
    spent: spentOf(isUnderWay ? { ...used, open: 0 } : used),
    more: isUnderWay ? `, ${WITHOUT_OPEN}` : "",
  };
}

function placeWords({ taskDir, projectRoot }: Session): string {
  const place = path.relative(projectRoot, taskDir);
  return place === "" || place.startsWith("..") ? taskDir : `${place} in ${projectRoot}`;
}

function worktreeWords({ branch, base, landedAt }: Worktree): string {
  const landed = landedAt === null ? "" : `, brought home ${localMoment(Date.parse(landedAt))}`;
  return `on the branch ${branch}, made from ${base}${landed}`;
}

/** As a unit of systemd it outlives every logout; it stays the ralph that it was at its start. */
function workerWords({ workerPid, workerUnit, workerVersion }: Session, alive: boolean): string {
  const how = workerUnit === null ? "detached" : `unit ${workerUnit}`;
  const version = workerVersion === VERSION ? "" : `, ralph ${workerVersion ?? "unknown"}`;
  return `process ${workerPid}, ${how}${version}${alive ? "" : ", gone"}`;
}

/** Only a worker that lives would write into it. */
function logWords({ path, elsewhere }: SessionLog, { alive }: { alive: boolean }): string {
  if (elsewhere !== undefined) return elsewhere;
  const problem = alive ? whyNotLogged(path) : undefined;
  return problem === undefined ? path : `${path} (lines may be missing: ${problem})`;
}

/** Each gate as it was when it ran last. */
function gateWords({ gates }: Findings): string | null {
  const last = [...new Map(gates.map((one) => [one.gate, one])).values()];
  if (last.length === 0) return null;
  return last.map((one) => `${one.gate} ${one.passed ? passesWords(one) : `fails (${one.why})`}`)
    .join("; ");
}

/** What was not where it belongs after the last iteration. */
export function gitWords({ iterations }: Session, { notes }: Findings): string | null {
  const last = notes.filter(({ about, iteration }) => about === "git" && iteration === iterations);
  return last.map(({ text }) => text).join("; ") || null;
}

function claimWords({ claims }: Findings): string | null {
  const fallen = claims.filter(({ held }) => held === false);
  if (fallen.length === 0) return null;
  const which = fallen.map(({ storyId, iteration }) => `${storyId} (iteration ${iteration})`);
  return `taken back: ${which.join(", ")}`;
}

/** The last command that was to tell a person of something, and could not. */
function hookWords({ notes }: Findings): string | null {
  const failed = notes.filter(({ about }) => about === "hook");
  const times = failed.length > 1 ? ` (and ${failed.length - 1} before)` : "";
  return failed.length === 0 ? null : `${failed.at(-1)?.text}${times}`;
}

const SAID_MAX = 3;

/** What a person said in the session, and what waits for a prompt. */
function saidWords(words: readonly Word[]): string | null {
  const shown = words.slice(-SAID_MAX).map(({ text, told }) =>
    `${told === null ? "waits for the next prompt" : `iteration ${told.iteration}`}: ${
      plain(text, 200)
    }`
  );
  const before = words.length - shown.length;
  return [...before > 0 ? [`${before} before`] : [], ...shown].join("; ") || null;
}
