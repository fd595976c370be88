/** How a turn ends: what is done on the server then, and what is reported of it. */
import type { Spent } from "../limits.ts";
import { type Clock, sleep } from "../../clock.ts";
import type { OpenCode } from "../../opencode/client.ts";
import { ignoreServerFailure } from "../../opencode/error.ts";
import type { AgentError, Message } from "../../opencode/model.ts";
import { abortTurn } from "./abort.ts";
import type { Answer } from "./auto_reply.ts";
import { type Ending, type ExceededLimit, goesOn, isFinished } from "./completion.ts";
import { NO_USAGE, type Prices, readUsage, type Usage, type UsageReading } from "./usage.ts";

export type TurnEnd =
  /**
   * The agent finished, well or with an error. `text` is that of its last message. `lacksTools`: the
   * server lists its model as one that calls none.
   */
  | {
    kind: "finished";
    finish?: string;
    error?: AgentError;
    text: string;
    lacksTools?: boolean;
  }
  /** The server lost the turn, or could not be asked any more. */
  | { kind: "interrupted"; why: string; server?: "lost_turn" }
  /** The agent never started. `said`: the server's words for it. `missing`: it does not have that. */
  | {
    kind: "lost";
    why: string;
    said?: string;
    missing?: "provider" | "model" | "agent";
    server?: "away";
  }
  /**
   * A limit was exceeded, and the turn aborted; `confirmed` says whether it was seen to end. `on`: of a limit
   * of the session, on what. `text`: that of its last message, where the agent had finished that by then.
   */
  | {
    kind: "timeout";
    limit: ExceededLimit;
    on?: keyof Spent;
    why: string;
    confirmed: boolean;
    text?: string;
  }
  /** `signal` aborted, and so was the turn; `confirmed` says whether it was seen to end. */
  | { kind: "stopped"; confirmed: boolean };

export interface TurnReport {
  readonly end: TurnEnd;
  readonly usage: Usage;
  readonly toolRuns?: UsageReading["toolRuns"];
  readonly answers: readonly Answer[];
  /** Ids of words that were handed over in mid-turn, and that the agent did not come to. */
  readonly unanswered?: readonly number[];
  /** What is to be told of a command in the background that was ended at its end, in words. */
  readonly endedJob?: string;
  /** How long the provider refused, in milliseconds. */
  readonly refusedMs?: number;
}

/** What a look found that ended the turn; `reading` when all was read then. */
export interface FoundEnd {
  readonly ending: Ending;
  readonly reading?: UsageReading;
  /** Commands in the background, which would wake the agent up again. */
  readonly leavesJobs?: boolean;
  /** That one of them is ended, in words. */
  readonly endedJob?: string;
}

interface EndedTurn {
  readonly client: OpenCode;
  readonly clock: Clock;
  readonly sessionId: string;
  readonly prices?: Prices;
  readonly signal: AbortSignal;
  /** The server took the prompt, and nothing of the agent was seen yet. */
  readonly starting: boolean;
  /** Called before the turn is aborted; what it throws is thrown here. */
  readonly beforeAbort?: () => void;
}

type Told = Pick<TurnReport, "end" | "usage" | "toolRuns" | "endedJob">;

const READ_AGAIN = { times: 3, everyMs: 1_000 };
/** Of a turn that may go on, or begin, unseen. */
const UNKNOWN_USAGE: Usage = { ...NO_USAGE, complete: false };

/**
 * Does what the end of a turn asks for, and tells what it used. `found` undefined: it was stopped.
 * `sendFailure`: why it is not known whether the server has the prompt, in words.
 */
export async function endTurn(
  turn: EndedTurn,
  { found, sendFailure }: { found?: FoundEnd; sendFailure?: string },
): Promise<Told> {
  if (found?.ending.kind === "finished") {
    if (!found.leavesJobs) return await finished(turn, found.ending, found.reading);
    turn.beforeAbort?.();
    await abortTurn(turn);
    // What the end of the commands began is no answer of the agent's.
    const told = await finished(turn, found.ending, undefined);
    return { ...told, endedJob: found.endedJob, end: finishedBy(found.ending.last) };
  }
  turn.beforeAbort?.();
  if (!found) {
    const end: TurnEnd = { kind: "stopped", confirmed: await abortTurn(turn) };
    // What may go on uses more; and a server that is silent would be waited for.
    return end.confirmed ? await withUsage(turn, end) : { end, usage: UNKNOWN_USAGE };
  }
  const { ending } = found;
  if (ending.kind === "timeout") {
    const confirmed = await abortTurn(turn);
    const { usage, toolRuns, last } = await readUsage(turn.client, turn);
    // What it used is told before it is completed: then the abort is its error (1.18.34, measured).
    const text = last?.role === "assistant" && last.finish === "stop" ? last.text : undefined;
    return { end: { ...ending, confirmed, text }, usage, toolRuns };
  }
  const end = brokenOff(ending, sendFailure);
  // Should it start yet, it would work beside the next turn.
  await turn.client.abort(turn.sessionId).catch(ignoreServerFailure);
  // What arrives late may be worked on yet.
  return sendFailure === undefined ? await withUsage(turn, end) : { end, usage: UNKNOWN_USAGE };
}

async function finished(
  turn: EndedTurn,
  ending: Extract<Ending, { kind: "finished" }>,
  reading: UsageReading | undefined,
): Promise<Told> {
  // After tool calls comes another message, which the two replies of a look may have missed.
  const isLast = reading?.usage.complete && !goesOn(ending.last);
  const { usage, toolRuns, last } = isLast ? reading : await readAllUsage(turn);
  return { end: finishedBy(last && isFinished(last) ? last : ending.last), usage, toolRuns };
}

const finishedBy = ({ finish, error, text }: Message): TurnEnd => ({
  kind: "finished",
  finish,
  error,
  text,
});

function brokenOff(
  ending: Exclude<Ending, { kind: "finished" | "timeout" }>,
  sendFailure: string | undefined,
): TurnEnd {
  if (ending.kind === "interrupted") return { ...ending, server: "lost_turn" };
  if (sendFailure === undefined) return ending;
  const why = `it is not known whether the prompt reached the server, and no agent started: ` +
    sendFailure;
  return { kind: "interrupted", why, server: "lost_turn" };
}

async function withUsage(turn: EndedTurn, end: TurnEnd): Promise<Told> {
  const { usage, toolRuns } = await readUsage(turn.client, turn);
  return { end, usage, toolRuns };
}

/** Tried again for a moment: what is not read now counts nowhere. */
async function readAllUsage(turn: EndedTurn): Promise<UsageReading> {
  const { client, clock, signal } = turn;
  let reading = await readUsage(client, turn);
  for (let left = READ_AGAIN.times; left > 0 && !reading.usage.complete; left--) {
    await sleep(clock, READ_AGAIN.everyMs, signal);
    reading = await readUsage(client, turn);
  }
  return reading;
}
