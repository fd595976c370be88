/** What to do next, decided from what is known now. Pure: the loop's whole policy is here. */
import type { Outcome, Reason, SessionEnd } from "../store/model.ts";
import { nextStory, type Story } from "../task/prd.ts";
import { storiesAreOpen, storiesOpen } from "../task/stories_open.ts";
import type { Limits } from "../settings/settings.ts";
import { type LeftOut, leftOutWords } from "../task/left_out.ts";
import { inWords, type Spent } from "./limits.ts";
import type { Proof } from "../verify/verification.ts";
import { freeIterations, type Refusal, refusalsInRow, refusedMs } from "./provider/backoff.ts";
import { plural } from "../terminal/plural.ts";

export interface Snapshot {
  /** What a person asked for since the last look; `shutdown`: the worker has to go. */
  request?: "stop" | "checkpoint" | "shutdown";
  /** A person said something that no agent was told yet. */
  wordsWait?: boolean;
  stories: readonly Story[];
  /** The id of the one story that is wanted; undefined: all are. */
  only?: string;
  /** Taken out of the work by a person: told of at the end. */
  leftOut?: readonly LeftOut[];
  /** The session's iterations so far, oldest first. */
  past: readonly Past[];
  /** How many of them a person knew who went on with the session: they count for the limits alone. */
  resumedAfter?: number;
  limits: Limits;
  spent: Spent;
  /** What the last run of all gates showed, when nothing was done since. */
  proof?: Proof;
  /** The provider refused the last iteration, and that was waited out. */
  waited?: boolean;
  /** That a reviewer has refused a story as often as it may, with what both sides say. */
  refusedTooOften?: string;
}

export interface Past {
  outcome: Outcome;
  /** In words. */
  detail: string;
  /** Equal for failures that are the same, of gates or in what became of the PRD. */
  failureKey?: string;
  /** What the agent needs of a person, in its words. */
  blocked?: string;
  /** The limit of the whole session that ended its turn: on what, and in words. */
  outOf?: OutOf;
  /** The server lost its turn, or stayed away for longer than it is waited for. */
  server?: "lost_turn" | "away";
  refusal?: Refusal;
  /** Why trying again cannot help, in words. */
  hopeless?: string;
  /** What keeps its work from the task's branch, in words. */
  undelivered?: string;
  /** No turn can mend that. */
  isStuck?: boolean;
}

export interface OutOf {
  on?: keyof Spent;
  why: string;
}

export type Action =
  /** `of`: the number of the last one that may be made. */
  | { kind: "iterate"; number: number; of: number; story: Story }
  /** All stories pass: run all gates. */
  | { kind: "prove" }
  /** The provider refuses: why in its words, and when it is asked again, in epoch milliseconds. */
  | { kind: "wait"; until: number; named?: number; why: string; attempt: number }
  | { kind: "end" } & SessionEnd;

/**
 * Completion comes first, so that work done in the last iteration counts, then a person's wish,
 * then what the agent needs of a person, then the limits.
 */
export function nextAction(snapshot: Snapshot): Action {
  const { stories, limits, request, proof } = snapshot;
  const past = snapshot.past.slice(snapshot.resumedAfter ?? 0);
  const since = { ...snapshot, past };
  const ended = request === "stop"
    ? end("stopped", "user_stop", "stopped by a person")
    : request === "shutdown"
    ? end("failed", "worker_ended", "its worker was asked to end, as at a shutdown")
    : undefined;
  const wanted = wantedOf(snapshot);
  if (snapshot.only !== undefined && wanted.length === 0) {
    // The agent's hand is undone, so that it was a person's.
    const detail = `a person took ${snapshot.only}, for which the session was, out of the PRD`;
    return end("stopped", "user_stop", detail);
  }
  if (wanted.every((story) => story.passes)) {
    if (!proof) return ended ?? { kind: "prove" };
    if (proof.kind !== "proved") return end("stopped", proof.kind, proof.why);
    const open = stories.filter((story) => !story.passes).length;
    if (open > 0) {
      const others = storiesAreOpen(open, stories.length);
      const detail = `${snapshot.only} passes; ${others}, so that the task is not completed`;
      return end("stopped", "story_passes", detail);
    }
    const all = stories.length === 1
      ? "the story passes"
      : `all ${plural(stories.length, "story")} pass`;
    const others = leftOutWords(snapshot.leftOut ?? []);
    return end("completed", "all_stories_pass", others === undefined ? all : `${all}; ${others}`);
  }
  if (ended) return ended;
  if (snapshot.refusedTooOften !== undefined) {
    return end("stopped", "review_fails", snapshot.refusedTooOften);
  }
  const last = past.at(-1);
  if (last?.blocked !== undefined && !snapshot.wordsWait) {
    return end("stopped", "blocked_on_human", `the agent needs a person: ${last.blocked}`);
  }
  if (request === "checkpoint") {
    return end("checkpointed", "checkpoint", "paused by a person");
  }
  return spentUp(since) ?? fruitless(past, limits) ?? usedUp(snapshot) ??
    refused(since) ?? iterate(snapshot);
}

/** The provider takes no requests for now: waited for, up to the limit on such waits in a row. */
function refused({ past, limits, waited }: Snapshot): Action | undefined {
  const { refusal, detail = "" } = past.at(-1) ?? {};
  if (!refusal || waited) return undefined;
  if (refusedMs(past) <= limits.rateLimitMs) {
    const { until, named } = refusal;
    const wait = { kind: "wait", until, why: detail, attempt: refusalsInRow(past) } as const;
    return named === undefined ? wait : { ...wait, named };
  }
  const limit = `longer than ${inWords(limits.rateLimitMs)}`;
  return end("failed", "provider_error", `waiting for the provider takes ${limit}: ${detail}`);
}

/** As many failures, or rounds without anything new, as may come in a row. A refusal is neither. */
function fruitless(all: readonly Past[], limits: Limits): Action | undefined {
  const hopeless = all.at(-1)?.hopeless;
  if (hopeless !== undefined) return end("failed", "provider_error", hopeless);
  const { isStuck, undelivered } = all.at(-1) ?? {};
  if (isStuck && undelivered !== undefined) {
    return end("stopped", "not_delivered", `the work is not delivered: ${undelivered}`);
  }
  const past = all.filter(({ refusal, outcome }) => !refusal || outcome === "advanced");
  const last = past.at(-1);
  if (last?.server === "away") return end("failed", "server_unreachable", last.detail);
  const isLost = ({ outcome, server }: Past) => outcome === "interrupted" && server === "lost_turn";
  const errors = inRow(
    past,
    (one) => one.outcome === "error" || one.outcome === "timeout" || isLost(one),
  );
  if (last && errors >= limits.errors) {
    const what = `${rowOf(errors)} ended in an error, the last with`;
    const reason = isLost(last) ? "server_unreachable" : "provider_error";
    return end("failed", reason, `${what}: ${last.detail}`);
  }
  const key = last?.failureKey;
  const same = key === undefined ? 0 : inRow(past, ({ failureKey }) => failureKey === key);
  if (same >= limits.noProgress) {
    const what = `${rowOf(same)} ended with the same failure`;
    return fruitlessEnd(last, `${what}: ${last?.detail}`);
  }
  const nothing = inRow(past, ({ outcome }) => outcome === "nothing");
  if (nothing >= limits.noProgress) {
    const detail = `${rowOf(nothing)} passed no story and showed no change of a file`;
    return fruitlessEnd(last, detail);
  }
  return undefined;
}

function fruitlessEnd(last: Past | undefined, detail: string): Action {
  return notDelivered(last, detail) ?? end("stopped", "no_progress", detail);
}

/** What stands between the work and the task's branch is the reason, whatever ran out. */
function notDelivered(last: Past | undefined, detail: string): Action | undefined {
  const why = last?.undelivered;
  if (why === undefined) return undefined;
  const words = detail.includes(why) ? detail : `${detail}; the work is not delivered: ${why}`;
  return end("stopped", "not_delivered", words);
}

function spentUp({ past, spent, limits }: Snapshot): Action | undefined {
  const { costUsd = Infinity, tokens = Infinity, durationMs = Infinity } = limits;
  const outOf = past.at(-1)?.outOf;
  // In one unit, so that they can be compared.
  const unit = durationMs < 120_000 ? { ms: 1_000, name: "s" } : { ms: 60_000, name: "min" };
  const inUnit = (ms: number) => `${Math.round(ms / unit.ms)} ${unit.name}`;
  const all = [
    { on: "costUsd", limit: costUsd, used: spent.costUsd, words: dollars },
    { on: "tokens", limit: tokens, used: spent.tokens, words: (n: number) => plural(n, "token") },
    { on: "durationMs", limit: durationMs, used: spent.durationMs, words: inUnit },
  ].filter(({ limit }) => limit < Infinity);
  const reached = all.find(({ limit, used }) => used >= limit) ??
    all.find(({ on }) => on === outOf?.on);
  if (!reached) return outOf === undefined ? undefined : end("stopped", "budget", outOf.why);
  const { limit, used, words } = reached;
  // Of a turn that was ended in its middle not all may be known.
  const known = used >= limit ? ` (${words(used)} used)` : "";
  return end("stopped", "budget", `the session's limit of ${words(limit)} was reached${known}`);
}

const dollars = (usd: number) => `$${Number(usd.toFixed(4))}`;

function usedUp({ stories, past, limits }: Snapshot): Action | undefined {
  if (past.length - freeIterations(past) < limits.iterations) return undefined;
  const open = stories.filter((story) => !story.passes).length;
  const detail = `the limit of ${plural(limits.iterations, "iteration")} is reached with ` +
    storiesOpen(open, stories.length);
  return notDelivered(past.at(-1), detail) ?? end("stopped", "max_iterations", detail);
}

function wantedOf({ stories, only }: Snapshot): readonly Story[] {
  return only === undefined ? stories : stories.filter(({ id }) => id === only);
}

function iterate(snapshot: Snapshot): Action {
  const { stories, past, limits, only } = snapshot;
  const story = only === undefined ? nextStory(stories) : wantedOf(snapshot).at(0);
  if (!story) {
    // A PRD with a cycle of dependencies is refused when it is read.
    throw new Error("stories are open, but none can be worked on");
  }
  const of = limits.iterations + freeIterations(past);
  return { kind: "iterate", number: past.length + 1, of, story };
}

function end(status: SessionEnd["status"], reason: Reason, detail: string): Action {
  return { kind: "end", status, reason, detail };
}

const rowOf = (count: number) =>
  count === 1 ? "1 iteration" : `${plural(count, "iteration")} in a row`;

function inRow(past: readonly Past[], wanted: (one: Past) => boolean): number {
  return past.length - 1 - past.findLastIndex((one) => !wanted(one));
}
