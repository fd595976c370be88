/** What a report tells, worked out from what is on record. Pure: rows in, data out. */
import {
  type GateRecord,
  type Iteration,
  type Review,
  type Session,
  tokensOf,
  type Usage,
} from "../store/model.ts";
import { burnDownOf } from "./burn_down.ts";
import type { FoundCommits, ReportInput, Round, SessionRecord } from "./model.ts";
import { standingOf } from "./standing.ts";
import { tookMs } from "./took.ts";
import { type Trouble, troublesOf } from "./troubles.ts";

interface GateSummary {
  gate: string;
  runs: number;
  failed: number;
  passesNow: boolean;
  /** How often it passed only when it was run again on the same content. */
  flaky: number;
  ms: number;
}

interface TakenBack {
  round: Round;
  storyId: string;
  why: string | null;
  /** The later round in which a claim of the same story holds. */
  heldIn: Round | undefined;
}

export interface Report extends Pick<ReportInput, "taskName" | "projectName" | "stories" | "now"> {
  sessions: readonly Session[];
  rounds: readonly Round[];
  /** What all rounds took, as far as it is known; `unknown`: of how many it is not. */
  worked: { ms: number; unknown: number };
  used: { usage: Usage; unknown: number };
  commits: number;
  reviews: readonly Review[];
  gates: readonly GateSummary[];
  takenBack: readonly TakenBack[];
  troubles: readonly Trouble[];
  burnDown: ReturnType<typeof burnDownOf>;
}

export function reportOf(input: ReportInput): Report {
  const { taskName, projectName, stories, now } = input;
  const rounds = input.sessions.flatMap(roundsOf);
  const runs = input.sessions.flatMap(({ session, findings }) =>
    findings.gates.map((gate) => ({
      ...gate,
      sessionId: session.id,
      round: rounds.find((one) => one.key === keyOf(session.id, gate.iteration)),
    }))
  );
  return {
    taskName,
    projectName,
    stories,
    now,
    sessions: input.sessions.map(({ session }) => session),
    rounds,
    worked: {
      ms: sum(rounds.map(({ ms }) => ms ?? 0)),
      unknown: rounds.filter(({ ms, iteration }) => ms === undefined && iteration.endedAt !== null)
        .length,
    },
    used: usedIn(rounds),
    commits: sum(rounds.map(({ iteration, commits }) => countOf(iteration, commits))),
    reviews: input.sessions.flatMap(({ reviews }) => reviews),
    gates: gatesOf(runs),
    takenBack: takenBackIn(rounds),
    troubles: troublesOf(rounds, runs),
    burnDown: burnDownOf(input.sessions, { stories, now }),
  };
}

const keyOf = (sessionId: number, number: number) => `s${sessionId}-i${number}`;

function roundsOf({ session, iterations, findings, reviews, commits }: SessionRecord): Round[] {
  return iterations.map((iteration) => {
    const isOf = (one: { iteration: number }) => one.iteration === iteration.number;
    const claims = findings.claims.filter(isOf);
    const isOpen = session.status === "running";
    const { usage } = iteration;
    return {
      key: keyOf(session.id, iteration.number),
      iteration,
      standing: standingOf(iteration, { claims, isOpen }),
      ms: tookMs(iteration),
      tokens: usage ? tokensOf(usage) : undefined,
      cost: usage && usage.unpricedCalls === 0 ? usage.costUsd + usage.derivedCostUsd : undefined,
      gates: findings.gates.filter(isOf),
      claims,
      reviews: reviews.filter(isOf),
      notes: findings.notes.filter(isOf),
      commits: commits.get(iteration.number),
    };
  });
}

const sum = (values: readonly number[]) => values.reduce((all, one) => all + one, 0);

function countOf({ commits }: Iteration, found: FoundCommits | undefined): number {
  return commits ?? (found ? found.commits.length + found.leftOut : 0);
}

function usedIn(rounds: readonly Round[]): Report["used"] {
  const known = rounds.flatMap(({ iteration }) => iteration.usage ?? []);
  const all = (key: keyof Usage) => sum(known.map((usage) => usage[key]));
  return {
    usage: {
      inputTokens: all("inputTokens"),
      outputTokens: all("outputTokens"),
      reasoningTokens: all("reasoningTokens"),
      cacheReadTokens: all("cacheReadTokens"),
      cacheWriteTokens: all("cacheWriteTokens"),
      costUsd: all("costUsd"),
      derivedCostUsd: all("derivedCostUsd"),
      modelCalls: all("modelCalls"),
      unpricedCalls: all("unpricedCalls"),
      uncountedCalls: all("uncountedCalls"),
    },
    unknown: rounds.filter(({ iteration }) => iteration.endedAt !== null && !iteration.usage)
      .length,
  };
}

function gatesOf(runs: readonly GateRecord[]): GateSummary[] {
  return [...Map.groupBy(runs, ({ gate }) => gate)].map(([gate, all]) => ({
    gate,
    runs: all.length,
    failed: all.filter(({ passed }) => !passed).length,
    passesNow: all.at(-1)?.passed ?? false,
    flaky: all.filter(({ flaky }) => flaky).length,
    ms: sum(all.map(({ durationMs }) => durationMs)),
  }));
}

function takenBackIn(rounds: readonly Round[]): TakenBack[] {
  return rounds.flatMap((round, i) =>
    round.claims.filter(({ held }) => held === false).map(({ storyId, why }) => ({
      round,
      storyId,
      why,
      heldIn: rounds.slice(i + 1).find(({ claims }) =>
        claims.some((later) => later.storyId === storyId && later.held === true)
      ),
    }))
  );
}
