/**
 * Follows one turn of an agent to its proved end. The event stream is a hint about when to look,
 * the server's state says what happened, and every wait has a limit.
 */

import { type Clock, sleep } from "../clock.ts";
import type { OpenCode } from "../opencode/client.ts";
import { ignoreServerFailure, OpenCodeError } from "../opencode/error.ts";
import { followEvents } from "../opencode/events.ts";
import type { AgentError, AgentEvent, Busy } from "../opencode/model.ts";
import { abortTurn } from "./abort.ts";
import { type Activity, activityOf, onChange, silence, waitingForServer } from "./activity.ts";
import { createBell } from "./bell.ts";
import { createFamily, type Family } from "./family.ts";
import type { TurnLimits } from "./limits.ts";
import { createMemory, type Phase } from "./memory.ts";
import { type Answer, createResponder } from "./responder.ts";
import { SLOW, SLOW_MS } from "./server.ts";
import {
  assess,
  type Ending,
  type ExceededLimit,
  isFinished,
  nextLookMs,
  runsAway,
  type Snapshot,
  TICK_MS,
} from "./settle.ts";
import { unlessAborted } from "./unless_aborted.ts";
import { NO_USAGE, type Prices, readUsage, type Usage, type UsageReading } from "./usage.ts";

export type TurnEnd =
  /** The agent finished, well or with an error. `text` is that of its last message. */
  | { kind: "settled"; finish?: string; error?: AgentError; text: string }
  /** The server lost the turn, or could not be asked any more. */
  | { kind: "interrupted"; why: string; server?: "lost_turn" }
  /** The agent never started. */
  | { kind: "lost"; why: string; server?: "away" }
  /** A limit was exceeded, and the turn aborted; `confirmed` says whether it was seen to end. */
  | { kind: "timeout"; limit: ExceededLimit; why: string; confirmed: boolean }
  /** `signal` aborted, and so was the turn; `confirmed` says whether it was seen to end. */
  | { kind: "stopped"; confirmed: boolean };

export interface TurnReport {
  readonly end: TurnEnd;
  readonly usage: Usage;
  readonly toolRuns?: UsageReading["toolRuns"];
  readonly answers: readonly Answer[];
  /** How long the provider refused, in milliseconds. */
  readonly refusedMs?: number;
}

export interface TurnOptions {
  /** One that gets a single prompt in all its life: an older answer would pass for this turn's. */
  readonly sessionId: string;
  /** Hands over the prompt; nothing to do where that was done before. */
  readonly send: () => Promise<void>;
  readonly limits: TurnLimits;
  /** For what the server does not quote; without them that stays unknown. */
  readonly prices?: Prices;
  /** Its abort ends the turn on the server. */
  readonly signal: AbortSignal;
  /** Events of this OpenCode session and its sub-agents', and of the stream itself. */
  readonly onEvent: (event: AgentEvent) => void;
  readonly onActivity: (activity: Activity) => void;
  /** Called before an answer is given to what the agent asked; see `createResponder`. */
  readonly onAnswer?: (answer: Answer) => Promise<void>;
  /** Called before the turn is aborted. What it throws is thrown by `run`, and the turn goes on. */
  readonly beforeAbort?: () => void;
  /** Told once of each OpenCode session that is at work beside the turn, and none of its own. */
  readonly onOthers?: (sessionIds: readonly string[]) => Promise<void>;
  /** For a turn that an earlier worker began: how long it has worked, in milliseconds. */
  readonly workedBeforeMs?: number;
}

export interface Turns {
  /** Throws the `OpenCodeError` of `send` when the server declined the prompt. */
  run(options: TurnOptions): Promise<TurnReport>;
  /** Resolves when the event stream is closed, after its signal aborted. */
  readonly closed: Promise<void>;
}

export interface TurnsOptions {
  readonly client: OpenCode;
  readonly clock: Clock;
  /** Ends the event stream that all turns share. */
  readonly signal: AbortSignal;
}

/** Longer is of no use: without the stream a turn is followed by looking every two seconds. */
const CONNECT_MS = 3_000;
const GONE_LOOK_FIRST_MS = 250;
const GONE_LOOK_MAX_MS = 5_000;
const READ_AGAIN = { times: 3, everyMs: 1_000 };
const SERVER_IS_BACK: Activity = {
  kind: "working",
  text: "the server is back; looking what became of the turn",
};

/** Opens one event stream, which all the turns of a worker share. */
export function createTurns({ client, clock, signal }: TurnsOptions): Turns {
  const watchers = new Set<(event: AgentEvent) => void>();
  const stream = followEvents({
    client,
    clock,
    signal,
    onEvent(event) {
      for (const watch of watchers) watch(event);
    },
  });

  return {
    closed: stream.closed,
    async run(options) {
      await unlessAborted(stream.connected(CONNECT_MS), options.signal);
      const turn = createTurn({ client, clock, ...options });
      watchers.add(turn.watch);
      try {
        return await turn.run();
      } finally {
        watchers.delete(turn.watch);
      }
    },
  };
}

function createTurn(options: TurnOptions & { client: OpenCode; clock: Clock }) {
  const { client, clock, sessionId, limits, prices = new Map(), signal } = options;
  const family = createFamily(client, sessionId);
  const responder = createResponder({ client, clock, family, record: options.onAnswer });
  const memory = createMemory(clock.monotonic(), { prices, workedMs: options.workedBeforeMs });
  const bell = createBell(clock);
  const report = onChange(options.onActivity);
  const stopped = Promise.withResolvers<undefined>();
  /** Whether the server may have something to abort. */
  let mayBeAtWork = options.workedBeforeMs !== undefined;
  const others = new Set<string>();
  let missedEvents = false;
  let bug: { error: unknown } | undefined;
  let sendFailure: string | undefined;

  /** What nobody expected ends the turn that it happened in. */
  function inBackground(work: Promise<void>): void {
    work.catch((error) => {
      bug = { error };
      bell.ring();
    });
  }

  function stop(): void {
    stopped.resolve(undefined);
    bell.ring();
  }

  function watch(event: AgentEvent): void {
    if (event.type === "connected" || event.type === "disconnected") {
      missedEvents ||= event.type === "connected";
      if (event.type === "disconnected") memory.seeStreamBreak();
      options.onEvent(event);
      return bell.ring();
    }
    // These find out by themselves whether they are ours: none may be passed over.
    if (event.type === "permission") inBackground(responder.permission(event.request));
    if (event.type === "question") inBackground(responder.question(event.request));
    if (event.type === "session") family.note(event.session);

    const from = sessionOf(event);
    if (from === undefined || !isOurs(from)) return;
    const own = from === sessionId;
    memory.see(event, { own });
    options.onEvent(event);
    if (event.type === "busy") report(activityOf(event.busy, clock.now()));
    if (own && (event.type === "idle" || event.type === "error")) bell.ring();
    if (event.type === "message" && runsAway(memory.now, limits)) bell.ring();
  }

  /** Also finds out, for the next time, about one whose creation was missed. */
  function isOurs(id: string): boolean {
    const known = family.knows(id);
    // A failure is no matter: the session's next event asks again.
    if (known === undefined) family.owns(id).catch(() => {});
    return known ?? false;
  }

  function activityNow(busy: Busy): Activity {
    const now = clock.now();
    const { quietMs } = memory.now;
    const quiet = busy.type === "busy" && silence({ quietMs, silenceMs: limits.silenceMs, now });
    return quiet || activityOf(busy, now);
  }

  async function look(): Promise<Look> {
    const [busy, messages] = await Promise.all([
      client.busy(),
      client.messages(sessionId, { limit: 1 }),
    ]);
    noteOthers(busy);
    return { busy: busyOf(sessionId, { busy, family }), last: messages.at(-1) };
  }

  function noteOthers(busy: ReadonlyMap<string, Busy>): void {
    const found = [...busy.keys()].filter((id) => !family.knows(id) && !others.has(id));
    for (const id of found) others.add(id);
    if (found.length > 0 && options.onOthers) inBackground(options.onOthers(found));
  }

  /** The same when an end is likely: with all that is wanted then, in one round trip. */
  async function lookAtEnd(): Promise<Look> {
    const [busy, reading] = await Promise.all([
      client.busy(),
      readUsage(client, { sessionId, prices }),
    ]);
    if (!reading.last) return look(); // nothing there, or it could not be read: that tells which
    return { busy: busyOf(sessionId, { busy, family }), last: reading.last, reading };
  }

  /** Looks until the turn has ended. Undefined when `signal` aborts first. */
  async function follow(): Promise<{ ending: Ending; reading?: UsageReading } | undefined> {
    let phase: Phase = "idle";
    let lookMs = TICK_MS;
    let goneSince: number | undefined;
    let polledAt = clock.monotonic();
    const onSlow = () => report(SLOW);
    while (!signal.aborted) {
      const rang = await bell.wait(lookMs);
      if (bug) throw bug.error;
      if (signal.aborted) return undefined;
      memory.spend(clock.monotonic(), phase);
      if (missedEvents || clock.monotonic() - polledAt >= TICK_MS) {
        missedEvents = false;
        polledAt = clock.monotonic();
        inBackground(responder.poll());
      }
      const cancelSlow = clock.after(SLOW_MS, onSlow);
      try {
        const looking = rang && memory.now.sawIdle ? lookAtEnd() : look();
        const snapshot = await Promise.race([looking, stopped.promise]);
        if (snapshot === undefined) return undefined;
        const wasGone = phase === "server_gone";
        phase = phaseOf(snapshot.busy);
        goneSince = undefined;
        if (snapshot.last) memory.seeLast(snapshot.last);
        if (snapshot.busy) report(activityNow(snapshot.busy));
        else if (wasGone) report(SERVER_IS_BACK);
        const verdict = assess(snapshot, { memory: memory.now, limits, now: clock.now() });
        if (verdict.kind !== "running" && verdict.kind !== "settling") {
          return { ending: verdict, reading: snapshot.reading };
        }
        lookMs = nextLookMs(verdict, memory.now);
      } catch (error) {
        if (!(error instanceof OpenCodeError)) throw error;
        if (error.kind === "not_found") {
          return { ending: { kind: "interrupted", why: "its OpenCode session is gone" } };
        }
        const backoffMs = phase === "server_gone" ? lookMs * 2 : GONE_LOOK_FIRST_MS;
        lookMs = Math.max(Math.min(backoffMs, GONE_LOOK_MAX_MS), error.retryAfterMs);
        phase = "server_gone";
        memory.seeServerGone();
        report(waitingForServer(error.message));
        goneSince ??= clock.monotonic();
        if (clock.monotonic() - goneSince > limits.serverGoneMs) {
          const why = `the server stayed away: ${error.message}`;
          return { ending: { kind: "interrupted", why } };
        }
        const runaway = runsAway(memory.now, limits);
        if (runaway) return { ending: runaway };
      } finally {
        cancelSlow();
      }
    }
    return undefined;
  }

  /** What the turn did before this worker came: no event tells. */
  async function recall(): Promise<void> {
    missedEvents = true;
    const messages = await client.messages(sessionId).catch(ignoreServerFailure);
    for (const message of messages ?? []) memory.seeMessage(message);
    bell.ring(); // it may have ended long ago
  }

  /** Tried again for a moment: what is not read now counts nowhere. */
  async function readAllUsage(): Promise<UsageReading> {
    let reading = await readUsage(client, { sessionId, prices });
    for (let left = READ_AGAIN.times; left > 0 && !reading.usage.complete; left--) {
      await sleep(clock, READ_AGAIN.everyMs, signal);
      reading = await readUsage(client, { sessionId, prices });
    }
    return reading;
  }

  async function conclude(
    { ending, reading }: { ending?: Ending; reading?: UsageReading } = {},
  ): Promise<TurnReport> {
    const { answers } = responder;
    if (!mayBeAtWork) {
      return { end: { kind: "stopped", confirmed: true }, usage: NO_USAGE, toolRuns: [], answers };
    }
    let end: TurnEnd;
    if (ending?.kind !== "settled") options.beforeAbort?.();
    switch (ending?.kind) {
      case undefined:
        end = { kind: "stopped", confirmed: await abortTurn({ client, clock, sessionId }) };
        // What may go on uses more; and a server that is silent would be waited for.
        if (!end.confirmed) return { end, usage: { ...NO_USAGE, complete: false }, answers };
        break;
      case "timeout":
        end = { ...ending, confirmed: await abortTurn({ client, clock, sessionId }) };
        break;
      case "lost":
      case "interrupted":
        end = ending.kind === "interrupted"
          ? { ...ending, server: "lost_turn" }
          : sendFailure === undefined
          ? ending
          : { kind: "interrupted", why: unsureWords(sendFailure), server: "lost_turn" };
        // Should it start yet, it would work beside the next turn.
        await client.abort(sessionId).catch(ignoreServerFailure);
        // What arrives late may be worked on yet.
        if (sendFailure !== undefined) {
          return { end, usage: { ...NO_USAGE, complete: false }, answers };
        }
        break;
      case "settled": {
        // After tool calls comes another message, which the two replies of a look may have missed.
        const isLast = reading?.usage.complete && ending.last.finish !== "tool-calls";
        const { usage, toolRuns, last } = isLast ? reading : await readAllUsage();
        const { finish, error, text } = last && isFinished(last) ? last : ending.last;
        end = { kind: "settled", finish, error, text };
        return { end, usage, toolRuns, answers };
      }
    }
    const { usage, toolRuns } = await readUsage(client, { sessionId, prices });
    return { end, usage, toolRuns, answers };
  }

  async function run(): Promise<TurnReport> {
    signal.addEventListener("abort", stop);
    try {
      if (!signal.aborted) {
        mayBeAtWork = true;
        await options.send().catch((error) => {
          if (!(error instanceof OpenCodeError) || !error.mayHaveArrived) throw error;
          sendFailure = error.message;
        });
        // However long that took: the agent had no time yet.
        memory.spend(clock.monotonic(), "server_gone");
        if (options.workedBeforeMs !== undefined) await unlessAborted(recall(), signal);
      }
      const report = await conclude(await follow());
      return { ...report, refusedMs: memory.now.retriedMs };
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  return { watch, run };
}

interface Look extends Snapshot {
  readonly reading?: UsageReading;
}

const unsureWords = (failure: string) =>
  `it is not known whether the prompt reached the server, and no agent started: ${failure}`;

function phaseOf(busy: Busy | undefined): Phase {
  if (busy === undefined) return "idle";
  return busy.type === "retry" ? "retrying" : "working";
}

/** What our session does; where it waits for a sub-agent whose provider refuses, that. */
function busyOf(
  sessionId: string,
  { busy, family }: { busy: ReadonlyMap<string, Busy>; family: Family },
): Busy | undefined {
  const own = busy.get(sessionId);
  if (own?.type !== "busy") return own;
  for (const [id, state] of busy) {
    if (state.type === "retry" && family.knows(id)) return state;
  }
  return own;
}

function sessionOf(event: AgentEvent): string | undefined {
  switch (event.type) {
    case "connected":
    case "disconnected":
      return undefined;
    case "session":
      return event.session.id;
    case "message":
      return event.message.sessionId;
    case "permission":
    case "question":
      return event.request.sessionId;
    default:
      return event.sessionId;
  }
}
