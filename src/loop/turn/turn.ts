/**
 * Follows one turn of an agent to its proved end. The event stream is a hint about when to look,
 * the server's state says what happened, and every wait has a limit.
 *
 * Events, timers and promises that nobody waits for call into a turn. None of them throws into the
 * runtime: what goes wrong in one ends the turn, and `run` throws it.
 */
import type { Clock } from "../../clock.ts";
import type { OpenCode } from "../../opencode/client.ts";
import { ignoreServerFailure, OpenCodeError } from "../../opencode/error.ts";
import { type EventsHandle, followEvents } from "../../opencode/events.ts";
import type { AgentEvent, Busy } from "../../opencode/model.ts";
import { unlessAborted } from "../../abort_signal.ts";
import { plain } from "../../terminal/plain.ts";
import { type Activity, activityOf, onChange, silence, waitingForServer } from "../activity.ts";
import { inWords, type TurnLimits } from "../limits.ts";
import { tellIfSlow } from "../server/retry.ts";
import { type Answer, type AutoReply, createAutoReply } from "./auto_reply.ts";
import { assess, nextLookMs, runsAway, TICK_MS } from "./completion.ts";
import { type Look, look, lookAtEnd } from "./look.ts";
import { createProgress, type Phase, type ProgressKeeper } from "./progress.ts";
import { createSessionTree, type SessionTree } from "./session_tree.ts";
import { createSteering, type Steering, type Steers } from "./steering.ts";
import { endTurn, type FoundEnd, type TurnReport } from "./turn_end.ts";
import { NO_USAGE, type Prices } from "./usage.ts";
import { createWakeup, type Wakeup } from "./wakeup.ts";

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
  /** Called every two seconds at least, and more often where something happens. */
  readonly onTick?: () => void;
  /** Called before an answer is given to what the agent asked; see `createAutoReply`. */
  readonly onAnswer?: (answer: Answer) => Promise<void>;
  /** Called before the turn is aborted. What it throws is thrown by `run`, and the turn goes on. */
  readonly beforeAbort?: () => void;
  /** Told once of each OpenCode session that is at work beside the turn, and is none of its own. */
  readonly onOthers?: (sessionIds: readonly string[]) => Promise<void>;
  /** What a person says meanwhile; without it the turn is told nothing. */
  readonly steers?: Steers;
  /** Whatever it asks leave for is refused: it is there to read. */
  readonly onlyReads?: boolean;
  /** For a turn that an earlier worker began: how long it has worked, in milliseconds. */
  readonly workedBeforeMs?: number;
}

export interface Turns {
  /** Throws the `OpenCodeError` of `send` when the server declined the prompt. */
  run(options: TurnOptions): Promise<TurnReport>;
  /** Resolves when the event stream is closed, after its signal aborted. */
  readonly closed: Promise<void>;
}

interface TurnsOptions {
  readonly client: OpenCode;
  readonly clock: Clock;
  /** Ends the event stream that all turns share. */
  readonly signal: AbortSignal;
}

/** Longer is of no use: without the stream a turn is followed by looking every two seconds. */
const CONNECT_MS = 3_000;
const GONE_LOOK_FIRST_MS = 250;
const GONE_LOOK_MAX_MS = 5_000;
/** Of a server that takes the request and does not answer: more of them help it least. */
const SILENT_LOOK_MAX_MS = 30_000;
const SERVER_IS_BACK: Activity = {
  kind: "working",
  text: "the server is back; looking at what became of the turn",
};

/**
 * Opens one event stream, which all the turns of a worker share, with the first of them: it has the
 * server load the project.
 */
export function createTurns({ client, clock, signal }: TurnsOptions): Turns {
  const turns = new Set<Turn>();
  let broken: { error: unknown } | undefined;
  let stream: EventsHandle | undefined;

  function open(): EventsHandle {
    const opened = followEvents({
      client,
      clock,
      signal,
      onEvent(event) {
        for (const turn of turns) turn.watch(event);
      },
    });
    opened.closed.catch((error) => {
      broken = { error };
      for (const turn of turns) turn.fail(error);
    });
    return opened;
  }

  return {
    get closed() {
      return stream?.closed ?? Promise.resolve();
    },
    async run(options) {
      stream ??= open();
      await unlessAborted(stream.connected(CONNECT_MS), options.signal);
      if (broken) throw broken.error;
      const turn = new Turn({ client, clock, ...options });
      turns.add(turn);
      try {
        return await turn.run();
      } finally {
        turns.delete(turn);
      }
    },
  };
}

class Turn {
  readonly #options: TurnOptions & { readonly client: OpenCode; readonly clock: Clock };
  readonly #sessionTree: SessionTree;
  readonly #autoReply: AutoReply;
  readonly #progress: ProgressKeeper;
  readonly #steering: Steering;
  readonly #wakeup: Wakeup;
  readonly #report: (activity: Activity) => void;
  /** Resolves when no answer of the server is waited for any more: it was stopped, or has failed. */
  readonly #over = Promise.withResolvers<undefined>();
  readonly #others = new Set<string>();
  #failure: { error: unknown } | undefined;
  #phase: Phase = "idle";
  #lookMs = TICK_MS;
  #polledAt: number;
  #goneSince: number | undefined;
  #missedEvents = false;
  /** The server has the prompt. */
  #taken = false;

  constructor(options: TurnOptions & { client: OpenCode; clock: Clock }) {
    const { client, clock, sessionId, prices, workedBeforeMs, onlyReads } = options;
    this.#options = options;
    this.#sessionTree = createSessionTree(client, sessionId);
    const sessionTree = this.#sessionTree;
    const record = options.onAnswer;
    this.#autoReply = createAutoReply({ client, clock, sessionTree, record, onlyReads });
    this.#progress = createProgress(clock.monotonic(), { prices, workedMs: workedBeforeMs });
    this.#steering = createSteering({ client, clock, sessionId, steers: options.steers });
    this.#wakeup = createWakeup(clock);
    this.#report = onChange(options.onActivity);
    this.#polledAt = clock.monotonic();
  }

  /** Takes an event of the stream, of whatever session. Never throws. */
  watch(event: AgentEvent): void {
    try {
      this.#see(event);
    } catch (error) {
      this.fail(error);
    }
  }

  /** What nobody expected ends the turn that it happened in: `run` throws the first of it. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#over.resolve(undefined);
    this.#wakeup.wake();
  }

  async run(): Promise<TurnReport> {
    const { signal, workedBeforeMs } = this.#options;
    const stop = () => {
      this.#over.resolve(undefined);
      this.#wakeup.wake();
    };
    signal.addEventListener("abort", stop);
    try {
      const { answers } = this.#autoReply;
      if (signal.aborted && workedBeforeMs === undefined) {
        const end = { kind: "stopped", confirmed: true } as const;
        return { end, usage: NO_USAGE, toolRuns: [], answers };
      }
      const sendFailure = signal.aborted ? undefined : await this.#send();
      const found = await this.#follow();
      this.#throwFailure();
      const starting = this.#taken && this.#progress.now.modelCalls === 0;
      const told = await endTurn({ ...this.#options, starting }, { found, sendFailure });
      this.#throwFailure();
      const unanswered = await this.#steering.unanswered();
      return { ...told, answers, unanswered, refusedMs: this.#progress.now.retriedMs };
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** For work that nobody waits for. */
  #inBackground(work: Promise<unknown>): void {
    work.catch((error) => this.fail(error));
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }

  #see(event: AgentEvent): void {
    const { sessionId, limits, clock, onEvent } = this.#options;
    if (event.type === "connected" || event.type === "disconnected") {
      this.#missedEvents ||= event.type === "connected";
      if (event.type === "disconnected") this.#progress.seeStreamBreak();
      onEvent(event);
      return this.#wakeup.wake();
    }
    // These find out by themselves whether they are ours: none may be passed over.
    if (event.type === "permission") {
      this.#inBackground(this.#autoReply.permission(event.request));
    }
    if (event.type === "question") this.#inBackground(this.#autoReply.question(event.request));
    if (event.type === "session") this.#sessionTree.note(event.session);

    const from = sessionOf(event);
    if (from === undefined || !this.#isOurs(from)) return;
    const own = from === sessionId;
    this.#progress.see(event, { own });
    onEvent(event);
    if (event.type === "busy") this.#report(activityOf(event.busy, clock.now()));
    if (event.type === "idle" || (own && event.type === "error")) this.#wakeup.wake();
    const used = event.type === "message" || event.type === "use";
    if (used && runsAway(this.#progress.now, limits)) this.#wakeup.wake();
  }

  /** Also finds out, for the next time, about one whose creation was missed. */
  #isOurs(id: string): boolean {
    const known = this.#sessionTree.knows(id);
    if (known === undefined) {
      // A failure of the server is no matter: the session's next event asks again.
      this.#inBackground(this.#sessionTree.owns(id).catch(ignoreServerFailure));
    }
    return known ?? false;
  }

  /** Hands over the prompt. Hands back why it is not known whether it arrived, in words. */
  async #send(): Promise<string | undefined> {
    const { send, clock, signal, workedBeforeMs } = this.#options;
    const failure = await send().then(() => undefined, (error) => {
      if (!(error instanceof OpenCodeError) || !error.mayHaveArrived) throw error;
      return error.message;
    });
    this.#taken = failure === undefined && !signal.aborted;
    // However long that took: the agent had no time yet.
    this.#progress.spend(clock.monotonic(), "server_gone");
    if (workedBeforeMs !== undefined) await unlessAborted(this.#recall(), signal);
    return failure;
  }

  /** What the turn did before this worker came: no event tells. */
  async #recall(): Promise<void> {
    await this.#catchUp();
    this.#missedEvents = true;
    this.#wakeup.wake(); // it may have ended long ago
  }

  /** Counts what no event told of. */
  async #catchUp(): Promise<void> {
    const { client, sessionId } = this.#options;
    const messages = await client.messages(sessionId).catch(ignoreServerFailure);
    for (const message of messages ?? []) this.#progress.seeMessage(message);
  }

  /** Looks until the turn has ended. Undefined when it is stopped, or fails, first. */
  async #follow(): Promise<FoundEnd | undefined> {
    const isOver = () => this.#options.signal.aborted || this.#failure !== undefined;
    while (!isOver()) {
      const woken = await this.#wakeup.wait(this.#lookMs);
      if (isOver()) return undefined;
      this.#options.onTick?.();
      this.#progress.spend(this.#options.clock.monotonic(), this.#phase);
      this.#pollWhenDue();
      const found = await this.#look({ woken });
      if (found) return found;
    }
    return undefined;
  }

  /** What is open at the server, for what no event told of. */
  #pollWhenDue(): void {
    const now = this.#options.clock.monotonic();
    if (!this.#missedEvents && now - this.#polledAt < TICK_MS) return;
    if (this.#missedEvents) this.#inBackground(this.#catchUp());
    this.#missedEvents = false;
    this.#polledAt = now;
    this.#inBackground(this.#autoReply.poll());
  }

  /** Undefined while the turn goes on, and when it is over before the server has answered. */
  async #look({ woken }: { woken: boolean }): Promise<FoundEnd | undefined> {
    const turn = { ...this.#options, sessionTree: this.#sessionTree };
    try {
      const looking = woken && this.#progress.now.sawIdle ? lookAtEnd(turn) : look(turn);
      const seen = await tellIfSlow(Promise.race([looking, this.#over.promise]), {
        clock: turn.clock,
        tell: this.#report,
      });
      const found = seen && this.#assess(seen);
      if (found) return await this.#steering.settle(found);
      const works = seen?.busy && seen.busy.type !== "job" && this.#progress.now.modelCalls > 0;
      if (works) await this.#steering.hand();
      return undefined;
    } catch (error) {
      if (!(error instanceof OpenCodeError)) throw error;
      return this.#seeServerGone(error);
    }
  }

  #assess(seen: Look): FoundEnd | undefined {
    const { clock, limits } = this.#options;
    const wasGone = this.#phase === "server_gone";
    this.#phase = phaseOf(seen.busy);
    this.#goneSince = undefined;
    this.#tellOthers(seen.others);
    if (seen.last) this.#progress.seeLast(seen.last);
    for (const [id, use] of seen.uses ?? []) this.#progress.seeUse(id, use);
    if (seen.toolRuns) this.#progress.seeToolRun();
    if (seen.subagents.length > 0 || seen.busy?.type === "job") this.#progress.seeBackground();
    if (seen.busy) this.#report(this.#activityNow(seen.busy));
    else if (wasGone) this.#report(SERVER_IS_BACK);
    const verdict = assess(seen, { progress: this.#progress.now, limits, now: clock.now() });
    if (verdict.kind !== "running" && verdict.kind !== "finishing") {
      const found = { ending: verdict, reading: seen.reading };
      if (seen.busy?.type !== "job") return found;
      const endedJob = jobEnded(seen.busy, this.#progress.now.jobMs);
      return { ...found, leavesJobs: true, endedJob };
    }
    this.#lookMs = nextLookMs(verdict, this.#progress.now);
    return undefined;
  }

  #tellOthers(others: readonly string[]): void {
    const { onOthers } = this.#options;
    const found = others.filter((id) => !this.#others.has(id));
    for (const id of found) this.#others.add(id);
    if (found.length > 0 && onOthers) this.#inBackground(onOthers(found));
  }

  #activityNow(busy: Busy): Activity {
    const now = this.#options.clock.now();
    const { quietMs } = this.#progress.now;
    const { silenceMs } = this.#options.limits;
    const quiet = busy.type === "busy" && silence({ quietMs, silenceMs, now });
    return quiet || activityOf(busy, now);
  }

  #seeServerGone(error: OpenCodeError): FoundEnd | undefined {
    const { clock, limits } = this.#options;
    if (error.kind === "not_found") {
      return { ending: { kind: "interrupted", why: "its OpenCode session is gone" } };
    }
    const backoffMs = this.#phase === "server_gone" ? this.#lookMs * 2 : GONE_LOOK_FIRST_MS;
    const maxMs = error.problem === "timeout" ? SILENT_LOOK_MAX_MS : GONE_LOOK_MAX_MS;
    this.#lookMs = Math.max(Math.min(backoffMs, maxMs), error.retryAfterMs);
    this.#phase = "server_gone";
    this.#progress.seeServerGone();
    this.#report(waitingForServer(error.message));
    this.#goneSince ??= clock.monotonic();
    if (clock.monotonic() - this.#goneSince > limits.serverGoneMs) {
      const why = `the server stayed away: ${error.message}`;
      return { ending: { kind: "interrupted", why } };
    }
    const runaway = runsAway(this.#progress.now, limits);
    return runaway && { ending: runaway };
  }
}

const PHASES = { busy: "working", job: "job", retry: "retrying" } as const;

function phaseOf(busy: Busy | undefined): Phase {
  if (busy === undefined) return "idle";
  return PHASES[busy.type];
}

/** `jobMs`: how long it has outlived its agent's work. */
const jobEnded = ({ command }: { command: string }, jobMs: number) =>
  `a command in the background was ended ${inWords(jobMs)} after the agent's work: ` +
  plain(command, 100);

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
