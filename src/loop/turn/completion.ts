/**
 * What became of a turn, decided from the server's state alone: no event, absent status or reply to
 * a prompt proves an end; a finished message of the agent does.
 */

import type { AgentError, Busy, Message, TurnRecord } from "../../opencode/model.ts";
import { plain } from "../../terminal/plain.ts";
import { timeWords } from "../activity.ts";
import { inWords, type Spent, type TurnLimits } from "../limits.ts";
import { isOutOfCredit, NO_MODEL_NAME } from "../provider/error_class.ts";
import { plural } from "../../terminal/plural.ts";

/** The server's state, read at one moment. */
export interface Snapshot {
  /** Absent: it and its sub-agents are idle, or it has not started yet. */
  readonly busy?: Busy;
  /** The newest message of the OpenCode session. */
  readonly last?: Message;
  /** What the server has written down of the turn's end, where its messages do not show one. */
  readonly record?: TurnRecord;
}

/** What the turn remembers beside the snapshot. Durations in milliseconds. */
export interface TurnProgress {
  /** How long the agent has worked. */
  readonly workedMs: number;
  /** How long nothing was seen of the agent, and no tool ran, while it was said to work. */
  readonly quietMs: number;
  /** How long the provider has been refusing. */
  readonly retriedMs: number;
  /** How long the server has listed all as idle whenever it answered, up to now. */
  readonly stillMs: number;
  /** How long nothing but commands in the background was at work, up to now. */
  readonly jobMs: number;
  /** How long nothing was seen of a sub-agent or a command in the background; infinite without. */
  readonly childQuietMs: number;
  /** The server announced that the session is idle. */
  readonly sawIdle: boolean;
  /** The first error that the server announced. Some are followed by a good end. */
  readonly error?: AgentError;
  /** An earlier worker began it: nobody saw whether the server was gone since. */
  readonly wasUnseen: boolean;
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

type Verdict =
  | { kind: "running" }
  /** Idle, but no end is proved yet: look again soon. */
  | { kind: "finishing" }
  | Ending;

export type Ending =
  | { kind: "finished"; last: Message }
  | { kind: "interrupted"; why: string }
  /** `said`: the server's words for it. */
  | { kind: "lost"; why: string; said?: string; missing?: "model" }
  | Exceeded;

interface Exceeded {
  kind: "timeout";
  limit: ExceededLimit;
  /** Of a limit of the session: on what. */
  on?: keyof Spent;
  why: string;
}

/**
 * How long after the last sign of a sub-agent a finished message is no end yet. A sub-agent that ends
 * in the background is told to the agent, which the server wakes up for it: 1.18.33 does both at once
 * when it ended well, 0.6 s after it was idle when it failed (measured), and a plugin when it sees it.
 * OpenCode 2 begins a turn 0.2 s after a command in the background has ended (measured).
 */
const WAKE_MS = 5_000;

/**
 * How long a command in the background may outlive its agent's turn, which its end would wake up: it
 * may be tests that the agent waits for. One that never ends, such as a web server, is then ended.
 */
export const JOB_MS = 3 * 60_000;

/** Whether `message` ends a turn. Interrupted ones stay without both forever. */
export function isFinished(message: Message): boolean {
  return message.role === "assistant" &&
    (message.completedAt !== undefined || message.error !== undefined);
}

/** By a person in OpenCode's own terminal, or by a server that was told to end (OpenCode 2, measured). */
export function wasAborted({ error }: Message): boolean {
  return error?.name === "MessageAbortedError";
}

/** Whether another message is to follow, since tools were called. */
export function goesOn({ finish, error }: Message): boolean {
  return finish === "tool-calls" && error === undefined;
}

/** What a snapshot means. `now` is wall time, since the server's retry times are. */
export function assess(
  snapshot: Snapshot,
  { progress, limits, now }: { progress: TurnProgress; limits: TurnLimits; now: number },
): Verdict {
  const { busy, last, record } = snapshot;
  const jobIsLate = progress.jobMs >= JOB_MS || progress.workedMs > limits.turnMs;
  if (busy !== undefined && !(busy.type === "job" && jobIsLate)) {
    return assessWork(busy, { progress, limits, now });
  }
  const gone = progress.serverWasGone
    ? "the server went away"
    : progress.streamBroke
    ? "the server was restarted, as the end of its event stream shows,"
    : undefined;
  const mayHaveGone = gone !== undefined || progress.wasUnseen;
  const interrupted = {
    kind: "interrupted",
    why: gone ? `${gone} while the agent worked` : "the agent was interrupted",
  } as const;
  if (last && wasAborted(last) && mayHaveGone) return interrupted;
  // A server that dies between two messages leaves the first one as if all were well.
  const isCutOff = last && goesOn(last) && (record ? record.outcome !== "succeeded" : mayHaveGone);
  if (last && isFinished(last) && !isCutOff) {
    const mayWake = !busy && progress.childQuietMs < WAKE_MS;
    return mayWake ? { kind: "finishing" } : { kind: "finished", last };
  }

  if (record?.outcome === "failed" && last?.role !== "assistant") {
    return loss(record.error ?? progress.error);
  }
  if (record?.outcome === "interrupted") return interrupted;
  if (last?.role === "assistant") {
    if (progress.stillMs < limits.finishMs) return { kind: "finishing" };
    const why = gone
      ? `${gone} while the agent worked`
      : `the agent stopped ${
        goesOn(last) ? "after a call of tools" : "in the middle of a message"
      }`;
    return { kind: "interrupted", why };
  }
  const ended = progress.sawIdle || progress.error !== undefined;
  if (progress.stillMs < (ended ? limits.finishMs : limits.startMs)) return { kind: "finishing" };
  if (gone && progress.error === undefined) {
    return { kind: "interrupted", why: `${gone} before the agent answered` };
  }
  if (progress.modelCalls > 0 && progress.error === undefined) {
    return { kind: "interrupted", why: "the agent was told to go on, and did not" };
  }
  return loss(progress.error);
}

function assessWork(
  busy: Busy,
  { progress, limits, now }: { progress: TurnProgress; limits: TurnLimits; now: number },
): Verdict {
  const runaway = runsAway(progress, limits);
  if (runaway) return runaway;
  if (busy.type === "job") return { kind: "running" };
  if (busy.type === "retry") {
    const said = plain(busy.message, 200);
    if (isOutOfCredit(busy.message)) {
      return exceeded("provider", `the provider wants to be paid first: ${said}`);
    }
    const waitMs = Math.max(0, busy.nextAt - now);
    if (progress.retriedMs + waitMs <= limits.retryMs) return { kind: "running" };
    // 1.1.53 doubles its waits without end (measured): then it is no wish of the provider.
    const limit = waitMs > limits.retryMs && progress.retriedMs < waitMs / 2
      ? "provider"
      : "retries";
    const at = timeWords(busy.nextAt, now);
    return exceeded(
      limit,
      `the provider was to be asked again at ${at}, which is too late: ${said}`,
    );
  }
  if (progress.workedMs > limits.turnMs) {
    return exceeded("turn", `the turn took longer than ${inWords(limits.turnMs)}`);
  }
  if (progress.quietMs > limits.silenceMs) {
    return exceeded("silence", `nothing was heard of the agent for ${inWords(limits.silenceMs)}`);
  }
  return { kind: "running" };
}

/** Of a turn that uses more than it may: that can end it between two looks. */
export function runsAway(progress: TurnProgress, limits: TurnLimits): Exceeded | undefined {
  const { unknownFinishes, modelCalls, compactions } = progress;
  if (unknownFinishes >= limits.unknownFinishes) {
    return exceeded(
      "unknown_finishes",
      `the model broke off ${plural(unknownFinishes, "time")} in a row`,
    );
  }
  if (compactions > limits.compactions) {
    const why = `the conversation was shortened more than ${plural(limits.compactions, "time")}`;
    return exceeded("compactions", why);
  }
  if (modelCalls > limits.modelCalls) {
    return exceeded(
      "model_calls",
      `the turn made more than ${plural(limits.modelCalls, "model call")}`,
    );
  }
  const on = sessionLimitReached(progress.spent, limits.left);
  if (on === undefined) return undefined;
  return { ...exceeded("session", `the session's limit on ${LIMITED[on]} was reached`), on };
}

const LIMITED = { costUsd: "cost", tokens: "tokens", durationMs: "time" } as const;

function exceeded(limit: ExceededLimit, why: string): Exceeded {
  return { kind: "timeout", limit, why };
}

/** On what the session's limit is reached; undefined when none is. */
function sessionLimitReached(spent: Spent, left: Partial<Spent> = {}): keyof Spent | undefined {
  const all = ["costUsd", "tokens", "durationMs"] as const;
  return all.find((one) => spent[one] >= (left[one] ?? Infinity));
}

function loss(error: AgentError | undefined): Ending {
  if (error === undefined) {
    return { kind: "lost", why: "the server took the prompt and never started the agent" };
  }
  const said = plain(error.message || error.name, 200);
  const missing = error.name === NO_MODEL_NAME ? { missing: "model" as const } : {};
  return { kind: "lost", why: `the agent did not start: ${said}`, said, ...missing };
}

/** How long to wait before the next look, in milliseconds, unless an event comes first. */
export function nextLookMs(
  verdict: Verdict,
  progress: Pick<TurnProgress, "stillMs" | "sawIdle">,
): number {
  if (verdict.kind !== "finishing" || !progress.sawIdle) return TICK_MS;
  if (progress.stillMs < 200) return 20;
  return progress.stillMs < 1_000 ? 100 : 500;
}

/** How often a turn is looked at when no event asks for it. */
export const TICK_MS = 2_000;
