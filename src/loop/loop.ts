/**
 * The worker's work: it goes round the loop until `decide.ts` says that it is over, and records the
 * end.
 */
import { type Delivered, deliveredNotes } from "./iteration/delivery.ts";
import { linkedController } from "../abort_signal.ts";
import { GitError, RalphError } from "../error.ts";
import { OpenCodeError } from "../opencode/error.ts";
import { StoreError } from "../store/database.ts";
import {
  type FinalRun,
  type Lease,
  type Outcome,
  type Reason,
  type SessionEnd,
  spentOf,
} from "../store/model.ts";
import { LostSession } from "../store/store.ts";
import type { Agenda } from "../task/agenda.ts";
import type { Task } from "../task/task_files.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Proof } from "../verify/verification.ts";
import { type Activity, activityOf, activityTeller } from "./activity.ts";
import type { Ended, LoopTools, SeenTree, SessionContext } from "./context.ts";
import type { LoopEvent } from "./event.ts";
import { type Action, nextAction, type Past, type Snapshot } from "./decide.ts";
import { tellVerdict } from "./iteration/finish.ts";
import { runIteration } from "./iteration/iteration.ts";
import type { Spent } from "./limits.ts";
import { refusalsInRow, refusedMs } from "./provider/backoff.ts";
import { chosenProvider } from "./provider/chosen_provider.ts";
import { waitForProvider } from "./provider/wait.ts";
import { watchLease } from "./recorder.ts";
import { editingAgent } from "./server/editing_agent.ts";
import { createReadiness, type Readiness } from "./server/readiness.ts";
import type { Begun } from "./session/begin.ts";
import { meter } from "./session/meter.ts";
import { recoverIteration } from "./session/recover.ts";
import { Crash, isShuttingDown, throwCrash } from "./shutdown.ts";
import { sessionReview } from "./review/session_review.ts";
import { sessionReviewer } from "./review/session_reviewer.ts";
import { refusedTooOften } from "../verify/review/rounds.ts";
import type { Story } from "../task/prd.ts";
import { priceList } from "./turn/price_list.ts";
import type { Prices } from "./turn/usage.ts";

export type { SessionEnd };

export interface LoopOrder extends SessionContext {
  begun: Pick<
    Begun,
    "past" | "continues" | "resumedAfter" | "failure" | "underWay" | "ranBeforeMs" | "startTree"
  >;
  /** Whether a person asked for a pause after the iteration. */
  checkpointAsked: () => boolean;
}

/**
 * Runs the loop to its end and records it. Aborting `signal` stops it: the turn is aborted on the
 * server first; when that was for a `Crash`, its error is thrown then. Throws `LostSession` when
 * another worker took the session over, and `StoreError` when nothing can be recorded any more.
 * Anything else that it throws is a bug, not recorded yet.
 */
export async function runLoop(
  tools: LoopTools,
  order: LoopOrder,
  signal: AbortSignal,
): Promise<SessionEnd> {
  const { store, recorder, clock, emit } = tools;
  const startedAt = clock.monotonic();
  let end: SessionEnd;
  const held = holdLease(tools, order.lease, signal);
  const rounds = new Rounds(tools, order, held.signal);
  try {
    end = await rounds.go();
  } catch (error) {
    if (error instanceof LostSession || error instanceof StoreError) throw error;
    end = endOf(error);
  } finally {
    tools.place.release();
    held.release();
  }
  if (held.lost) throw held.lost;
  throwCrash(signal);
  if (!signal.aborted) await tellLeft(tools, order.task);
  await recorder.write((store) => store.endSession(order.lease, end));
  const durationMs = clock.monotonic() - startedAt;
  const workedMs = order.begun.ranBeforeMs + durationMs;
  emit(sessionEnded(store, order, { end, durationMs, workedMs, left: rounds.left }));
  return end;
}

/** What is told of a session that has ended. */
export function sessionEnded(
  store: Pick<LoopTools["store"], "usage" | "findings" | "session">,
  { lease: { sessionId }, task }: Pick<SessionContext, "lease" | "task">,
  { end, durationMs, workedMs, left }: {
    end: SessionEnd;
    durationMs: number;
    workedMs: number;
    left: readonly string[];
  },
): Extract<LoopEvent, { type: "session_ended" }> {
  const used = store.usage(sessionId);
  const { gates, claims } = store.findings(sessionId);
  return {
    type: "session_ended",
    session: sessionId,
    task: task.name,
    ...end,
    iterations: store.session(sessionId)?.iterations ?? 0,
    usage: used.complete ? used.usage : null,
    spent: spentOf(used),
    durationMs,
    workedMs,
    gates: [...new Map(gates.map(({ gate, passed }) => [gate, { name: gate, passed }])).values()],
    left,
    claimsTakenBack: claims.filter(({ held }) => held === false).length,
  };
}

/** Names what commands of agents have left running: only a person ends it. */
async function tellLeft({ leftRunning, emit }: LoopTools, task: Task): Promise<void> {
  const left = await leftRunning(task.projectRoot);
  if (left?.length === 0) return;
  const text = left === undefined
    ? "what commands of agents have left running is not known: the look did not end in time"
    : `commands of agents have left running: ${left.join("; ")}: ` +
      `\`ralph stop ${shellWord(task.name)} --all\` ends that`;
  emit({ type: "warning", text });
}

/** A signal that aborts with `signal`, and when the session is lost: then `lost` says why. */
function holdLease({ store, clock }: LoopTools, lease: Lease, signal: AbortSignal) {
  const stop = linkedController(signal);
  const stopWatching = watchLease({
    store,
    lease,
    clock,
    onLost(error) {
      held.lost = error;
      stop.abort(new Crash(error));
    },
  });
  const held: { signal: AbortSignal; lost?: unknown; release: () => void } = {
    signal: stop.signal,
    release() {
      stopWatching();
      stop.unlink();
    },
  };
  return held;
}

/** The rounds of one worker, and what it remembers from one to the next. */
class Rounds {
  readonly #tools: LoopTools;
  readonly #order: LoopOrder;
  readonly #signal: AbortSignal;
  readonly #server: Readiness;
  readonly #spent: () => Spent;
  readonly #prices: () => Promise<Prices>;
  readonly #agent: () => Promise<string | undefined>;
  readonly #tell: (activity: Activity) => void;
  readonly #past: Past[];
  /** What the last iteration left for the next prompt. */
  #failure?: string;
  /** How it left the tree. */
  #seen?: SeenTree;
  /** What the last run of all gates showed, when nothing was done since. */
  #proof?: Proof;
  /** The provider refused the last iteration, and that was waited out. */
  #waited = false;
  /** What was left running before this worker's first turn was named. */
  #named = false;
  /** All gates ran in this session before its first turn. */
  #looked: boolean;
  /** What is in no commit at the end, or keeps the work from the task's branch. */
  left: readonly string[] = [];

  constructor(tools: LoopTools, order: LoopOrder, signal: AbortSignal) {
    this.#tools = tools;
    this.#signal = signal;
    this.#server = createReadiness(tools, order);
    this.#spent = meter(tools, order);
    this.#prices = priceList(tools, signal);
    this.#agent = editingAgent(tools, order.settings, signal);
    this.#tell = activityTeller(tools, order.lease);
    const reviewer = sessionReviewer(tools, order, {
      agent: this.#agent,
      prices: this.#prices,
      spent: this.#spent,
      pauses: order.checkpointAsked,
      signal,
    });
    this.#order = { ...order, reviewer };
    this.#past = [...order.begun.past];
    this.#failure = order.begun.failure;
    this.#looked = this.#past.length > 0 || order.begun.underWay !== undefined ||
      tools.store.findings(order.lease.sessionId).gates.length > 0;
  }

  /** Goes round until it is over. */
  async go(): Promise<SessionEnd> {
    const { recorder } = this.#tools;
    const { backlog, verification } = this.#order;
    await this.#recover();
    for (;;) {
      const agenda = await recorder.write(() => backlog.read());
      await recorder.write(() => verification.prepare(agenda));
      const action = this.#next(agenda);
      if (action.kind === "iterate" && !this.#looked) {
        const hopeless = await this.#baseline(agenda);
        if (hopeless) return hopeless;
        continue;
      }
      if (action.kind !== "iterate") this.#tools.place.release();
      switch (action.kind) {
        case "end": {
          const { status, reason, detail } = action;
          await this.#lookBack();
          return { status, reason, detail };
        }
        case "prove":
          await this.#prove(this.#claimed(agenda));
          break;
        case "wait":
          await this.#wait(agenda, action);
          break;
        case "iterate":
          await this.#iterate(agenda, action);
          break;
      }
    }
  }

  #next({ stories, leftOut }: Agenda): Action {
    return nextAction({
      request: requestOf(this.#order, this.#signal),
      wordsWait: this.#tools.store.waitingWords(this.#order.task.dir).length > 0,
      stories,
      only: this.#order.only,
      leftOut,
      past: this.#past,
      resumedAfter: this.#order.begun.resumedAfter,
      limits: this.#order.settings.limits,
      spent: this.#spent(),
      proof: this.#proof,
      waited: this.#waited,
      refusedTooOften: this.#refusedTooOften(stories),
    });
  }

  #refusedTooOften(stories: readonly Story[]): string | undefined {
    const { lease, settings: { review }, begun } = this.#order;
    if (!review) return undefined;
    const open = stories.filter(({ passes }) => !passes).map(({ id }) => id);
    const { rounds } = review;
    // What made a session end does not count again.
    const reviews = this.#tools.store.reviews(lease.sessionId)
      .filter(({ iteration }) => iteration > begun.resumedAfter || begun.resumedAfter === 0);
    return refusedTooOften(reviews, { rounds, open });
  }

  #add({ failure, delivered, ...past }: Ended): void {
    this.#past.push(past);
    this.#failure = failure;
    this.#seen = delivered;
    this.#proof = undefined;
    this.#waited = false;
  }

  /** What the worker before left under way. */
  async #recover(): Promise<void> {
    const { underWay: iteration } = this.#order.begun;
    if (!iteration) return;
    const left = {
      iteration,
      told: this.#order.begun.continues,
      prices: this.#prices,
      spent: this.#spent(),
      signal: this.#signal,
    };
    await this.#tools.place.join(this.#signal);
    this.#add(await recoverIteration(this.#tools, this.#order, left));
  }

  /** Runs all gates once before the first turn. Hands back an end where no work can help. */
  async #baseline(agenda: Agenda): Promise<SessionEnd | undefined> {
    const { recorder, emit } = this.#tools;
    const { lease, verification } = this.#order;
    this.#looked = true;
    const run = await verification.baseline(agenda, this.#signal);
    if (!run || run.gates.length === 0) return undefined;
    await recorder.write((store) =>
      store.recordFinalRun(lease, { ...run, iteration: 0, takenBack: [] })
    );
    tellVerdict({ ...run, claims: [] }, emit);
    for (const text of run.warnings) emit({ type: "warning", text });
    if (run.hopeless === undefined) return undefined;
    return { status: "stopped", reason: "gates_fail", detail: run.hopeless };
  }

  /** What is said to be done, where that is all that was wanted. */
  #claimed(agenda: Agenda): Agenda {
    if (this.#order.only === undefined) return agenda;
    return { ...agenda, stories: agenda.stories.filter(({ passes }) => passes) };
  }

  /** All stories are said to be done: runs all gates, and records what came of it. */
  async #prove(agenda: Agenda): Promise<void> {
    const { recorder, emit } = this.#tools;
    const { lease, verification } = this.#order;
    const iteration = this.#past.length;
    const notDelivered = await this.#deliver(agenda);
    // What a stop cuts off is no verdict.
    if (this.#signal.aborted) return;
    if (notDelivered !== undefined) {
      const why = `the work is not on the task's branch: ${notDelivered}`;
      this.#proof = { kind: "not_delivered", why };
      return;
    }
    const { review, trouble, isOwed } = sessionReview(this.#tools, this.#order, {
      iteration,
      final: true,
      agenda,
      since: this.#order.begun.startTree?.head,
    });
    const run = await verification.prove(agenda, {
      claimed: this.#order.only && `${this.#order.only} passes`,
      iterated: iteration > 0,
      disturbed: iteration > 0 && await this.#server.endOthers(),
      review,
      isReviewOwed: isOwed,
      signal: this.#signal,
    });
    this.#proof = run?.proof;
    if (!run) return;
    const last = this.#past.at(-1);
    const detail = run.takenBack.length > 0 ? fallenDetail(run) : undefined;
    await recorder.write((store) => store.recordFinalRun(lease, { ...run, iteration, detail }));
    const claims = run.takenBack.map((one) => ({ ...one, held: false }));
    tellVerdict({ gates: run.gates, notes: run.notes, claims }, emit);
    if (run.failure === undefined) return;
    this.#failure = run.failure;
    if (last) {
      const { failureKey, undelivered } = run;
      const known = { failureKey, undelivered, ...detail !== undefined && { detail } };
      this.#past.splice(-1, 1, { ...last, ...known, ...trouble.found });
    }
  }

  /**
   * Commits what is left of a claim that was not judged, as in a turn that was stopped. Returns why
   * the work is not where it belongs; undefined when it is.
   */
  async #deliver({ stories }: Agenda): Promise<string | undefined> {
    const { delivery, task } = this.#order;
    const tree = await this.#tools.tree.state(task.projectRoot);
    const refusal = await delivery.deliver(stories.slice(-1), tree);
    const { troubles, mixed } = await this.#lookBack();
    return troubles.length > 0 ? troubles.join("; ") : refusal?.why ?? mixed;
  }

  /**
   * Finds out what is not delivered, and records what is not on record yet. Hands back what keeps the
   * work from where it belongs.
   */
  async #lookBack(): Promise<Pick<Delivered, "troubles" | "mixed">> {
    const { recorder, store, tree, emit } = this.#tools;
    const { lease, task, delivery } = this.#order;
    const iteration = this.#past.length;
    const looked = await delivery.look(await tree.state(task.projectRoot));
    const { troubles, left, mixed } = looked;
    this.left = [...troubles, ...left.map(({ text }) => text)];
    const known = new Set(
      store.findings(lease.sessionId).notes.filter((note) => note.iteration === iteration)
        .map(({ text }) => text),
    );
    const notes = deliveredNotes(looked).filter(({ text }) => !known.has(text));
    if (notes.length > 0) {
      await recorder.write((store) => store.recordNotes(lease, { iteration, notes }));
    }
    for (const { about, text } of notes) emit({ type: "note", about, text });
    return { troubles, mixed };
  }

  /** The provider takes no requests for now. */
  async #wait(agenda: Agenda, action: Extract<Action, { kind: "wait" }>): Promise<void> {
    const { clock } = this.#tools;
    const { until, named, why: message, attempt } = action;
    const busy = { type: "retry", message, nextAt: until, attempt } as const;
    this.#tell(activityOf(busy, clock.now(), named));
    await waitForProvider({
      clock,
      until,
      limitMs: this.#order.settings.limits.rateLimitMs,
      isOver: () => this.#next(agenda).kind !== "wait",
      signal: this.#signal,
    });
    this.#waited = true;
  }

  /** Before this worker's first turn: such as what a turn that could not be ended has left at work. */
  async #nameLeft(): Promise<void> {
    if (this.#named) return;
    this.#named = true;
    await tellLeft(this.#tools, this.#order.task);
  }

  async #iterate(agenda: Agenda, action: Extract<Action, { kind: "iterate" }>): Promise<void> {
    const signal = this.#signal;
    const past = this.#past.slice(this.#order.begun.resumedAfter);
    const { place } = this.#tools;
    const isOver = () => this.#next(agenda).kind !== "iterate";
    const lostTurn = past.at(-1)?.server === "lost_turn";
    if (lostTurn) place.unloaded();
    // Much may have changed while it waited.
    if (!await place.take({ isOver, signal })) return;
    const [ready] = await Promise.all([
      this.#server.ready({
        leftMs: (this.#order.settings.limits.durationMs ?? Infinity) - this.#spent().durationMs,
        lostTurn,
        isOver,
        signal,
      }),
      this.#nameLeft(),
    ]);
    if (!ready) return place.unloaded();
    const [prices, agent] = await Promise.all([this.#prices(), this.#agent()]);
    if (!await this.#passes(isOver)) return;
    if (!await place.load({ isOver, signal })) return;
    const order = {
      ...this.#order,
      ...action,
      agenda,
      prices,
      agent,
      spent: this.#spent(),
      failure: this.#failure,
      refusedBefore: refusalsInRow(past),
      refusedMs: refusedMs(past),
      workedBefore: past.some(({ outcome }) => SHOWS_WORK.includes(outcome)),
      seen: this.#seen,
    };
    this.#add(await runIteration(this.#tools, order, signal));
  }

  /** Waits while another session's provider, which is this one's, takes no requests. */
  async #passes(isOver: () => boolean): Promise<boolean> {
    const { client, limit, place } = this.#tools;
    const { model, agent } = this.#order.settings;
    return await limit.pass({
      model,
      chosen: () => chosenProvider(client, agent),
      onWait: () => place.release(),
      isOver,
      signal: this.#signal,
    });
  }
}

/** What only an agent that calls tools comes to. */
const SHOWS_WORK: readonly Outcome[] = ["advanced", "worked", "broke"];

function requestOf({ checkpointAsked }: LoopOrder, signal: AbortSignal): Snapshot["request"] {
  if (isShuttingDown(signal)) return "shutdown";
  if (signal.aborted) return "stop";
  return checkpointAsked() ? "checkpoint" : undefined;
}

/** Why a session ends that such an error stops. */
export const reasonOf = (error: RalphError): Reason =>
  error instanceof GitError ? "git_failed" : "task_unreadable";

/** A session whose loop cannot go on has failed, and says why. Throws what nobody expected. */
function endOf(error: unknown): SessionEnd {
  if (error instanceof OpenCodeError) {
    return { status: "failed", reason: "server_unreachable", detail: error.message };
  }
  if (error instanceof RalphError) {
    return { status: "failed", reason: reasonOf(error), detail: error.message };
  }
  throw error;
}

/** What the last iteration came to, once the run at the end has taken this back. */
function fallenDetail({ takenBack }: Pick<FinalRun, "takenBack">): string {
  const byWhy = Map.groupBy(takenBack, ({ why }) => why);
  return [...byWhy].map(([why, stories]) =>
    `${stories.map(({ storyId }) => storyId).join(", ")} taken back: ${why}`
  ).join("; ");
}
