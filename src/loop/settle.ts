/**
 * What became of a turn, decided from the server's state alone: no event, absent status or reply to
 * a prompt proves an end; a finished message of the agent does.
 */

import type { AgentError, Busy, Message } from "../opencode/model.ts";
import { plain } from "../terminal/plain.ts";
import { timeWords } from "./activity.ts";
import { inWords, type Spent, type TurnLimits } from "./limits.ts";
import { isOutOfCredit } from "./meaning.ts";

/** The server's state, read at one moment. */
export interface Snapshot {
  /** Absent: idle, or not started yet. */
  readonly busy?: Busy;
  /** The newest message of the OpenCode session. */
  readonly last?: Message;
}

/** What the turn remembers beside the snapshot. Durations in milliseconds. */
export interface TurnMemory {
  /** How long the agent has worked. */
  readonly workedMs: number;
  /** How long nothing was seen of the agent while it was said to work. */
  readonly quietMs: number;
  /** How long the provider has been refusing. */
  readonly retriedMs: number;
  /** How long the server has listed the session as idle whenever it answered, up to now. */
  readonly stillMs: number;
  /** The server announced that the session is idle. */
  readonly sawIdle: boolean;
  /** The first error that the server announced. Some are followed by a good end. */
  readonly error?: AgentError;
  /** The server was gone for a while. */
  readonly serverWasGone: boolean;
  /** The event stream broke, as it does at a restart that is too short to be seen otherwise. */
  readonly streamBroke: boolean;
  readonly modelCalls: number;
  /** How often a conversation was shortened, since it had grown too long for the model. */
  readonly compactions: number;
  /** Of one conversation, in a row, up to now. */
  readonly unknownFinishes: number;
  /** What was seen to be used since the turn began, sub-agents included. */
  readonly spent: Spent;
}

/** Which limit ended a turn. */
export type ExceededLimit =
  | "turn"
  | "silence"
  /** OpenCode's next try comes too late; the provider may be back sooner. */
  | "retries"
  /** The provider itself wants something that waiting does not give. */
  | "provider"
  | "model_calls"
  | "compactions"
  | "unknown_finishes"
  /** Of the whole session. */
  | "session";

export type Verdict =
  | { kind: "running" }
  /** Idle, but no end is proved yet: look again soon. */
  | { kind: "settling" }
  | Ending;

export type Ending =
  | { kind: "settled"; last: Message }
  | { kind: "interrupted"; why: string }
  | { kind: "lost"; why: string }
  | Exceeded;

interface Exceeded {
  kind: "timeout";
  limit: ExceededLimit;
  why: string;
}

/** Whether `message` ends a turn. Interrupted ones stay without both for ever. */
export function isFinished(message: Message): boolean {
  return message.role === "assistant" &&
    (message.completedAt !== undefined || message.error !== undefined);
}

/** What a snapshot means. `now` is wall time, since the server's retry times are. */
export function assess(
  snapshot: Snapshot,
  { memory, limits, now }: { memory: TurnMemory; limits: TurnLimits; now: number },
): Verdict {
  const { busy, last } = snapshot;
  if (busy !== undefined) return assessWork(busy, { memory, limits, now });
  if (last && isFinished(last)) return { kind: "settled", last };

  const gone = memory.serverWasGone
    ? "the server went away"
    : memory.streamBroke
    ? "the server was restarted, as the end of its event stream shows,"
    : undefined;
  if (last?.role === "assistant") {
    if (memory.stillMs < limits.settleMs) return { kind: "settling" };
    const why = gone
      ? `${gone} while the agent worked`
      : "the agent stopped in the middle of a message";
    return { kind: "interrupted", why };
  }
  const ended = memory.sawIdle || memory.error !== undefined;
  if (memory.stillMs < (ended ? limits.settleMs : limits.startMs)) return { kind: "settling" };
  if (gone && memory.error === undefined) {
    return { kind: "interrupted", why: `${gone} before the agent answered` };
  }
  return { kind: "lost", why: describeLoss(memory.error) };
}

function assessWork(
  busy: Busy,
  { memory, limits, now }: { memory: TurnMemory; limits: TurnLimits; now: number },
): Verdict {
  const runaway = runsAway(memory, limits);
  if (runaway) return runaway;
  if (busy.type === "retry") {
    const said = plain(busy.message, 200);
    if (isOutOfCredit(busy.message)) {
      return exceeded("provider", `the provider wants to be paid first: ${said}`);
    }
    const waitMs = Math.max(0, busy.nextAt - now);
    if (memory.retriedMs + waitMs <= limits.retryMs) return { kind: "running" };
    // 1.1.53 doubles its waits without end (measured): then it is no wish of the provider.
    const limit = waitMs > limits.retryMs && memory.retriedMs < waitMs / 2 ? "provider" : "retries";
    const at = timeWords(busy.nextAt, now);
    return exceeded(
      limit,
      `the provider was to be asked again at ${at}, which is too late: ${said}`,
    );
  }
  if (memory.workedMs > limits.turnMs) {
    return exceeded("turn", `the turn took longer than ${inWords(limits.turnMs)}`);
  }
  if (memory.quietMs > limits.silenceMs) {
    return exceeded("silence", `nothing was heard of the agent for ${inWords(limits.silenceMs)}`);
  }
  return { kind: "running" };
}

/** Of a turn that uses more than it may: that can end it between two looks. */
export function runsAway(memory: TurnMemory, limits: TurnLimits): Exceeded | undefined {
  const { unknownFinishes, modelCalls, compactions } = memory;
  if (unknownFinishes >= limits.unknownFinishes) {
    return exceeded("unknown_finishes", `the model broke off ${unknownFinishes} times in a row`);
  }
  if (compactions > limits.compactions) {
    const why = `the conversation was shortened more than ${limits.compactions} times`;
    return exceeded("compactions", why);
  }
  if (modelCalls > limits.modelCalls) {
    return exceeded("model_calls", `the turn made more than ${limits.modelCalls} model calls`);
  }
  const spentUp = sessionLimitReached(memory.spent, limits.left);
  return spentUp === undefined ? undefined : exceeded("session", spentUp);
}

function exceeded(limit: ExceededLimit, why: string): Exceeded {
  return { kind: "timeout", limit, why };
}

/** Which of the session's limits is reached, in words; undefined when none is. */
function sessionLimitReached(spent: Spent, left: Partial<Spent> = {}): string | undefined {
  const { costUsd = Infinity, tokens = Infinity, durationMs = Infinity } = left;
  if (spent.costUsd >= costUsd) return "the session's limit on cost was reached";
  if (spent.tokens >= tokens) return "the session's limit on tokens was reached";
  if (spent.durationMs >= durationMs) return "the session's limit on time was reached";
  return undefined;
}

function describeLoss(error: AgentError | undefined): string {
  if (error === undefined) return "the server took the prompt and never started the agent";
  return `the agent did not start: ${plain(error.message || error.name, 200)}`;
}

/** How long to wait before the next look, in milliseconds, unless an event comes first. */
export function nextLookMs(
  verdict: Verdict,
  memory: Pick<TurnMemory, "stillMs" | "sawIdle">,
): number {
  if (verdict.kind !== "settling" || !memory.sawIdle) return TICK_MS;
  if (memory.stillMs < 200) return 20;
  return memory.stillMs < 1_000 ? 100 : 500;
}

/** How often a turn is looked at when no event asks for it. */
export const TICK_MS = 2_000;
