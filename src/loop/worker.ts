/**
 * The worker: it holds the task's lock for life, and goes round the loop until `decide.ts` says that
 * it is over.
 */
import { RalphError } from "../error.ts";
import { OpenCodeError } from "../opencode/error.ts";
import { StoreError } from "../registry/database.ts";
import { type Lease, tokensOf } from "../registry/model.ts";
import { LostSession } from "../registry/registry.ts";
import { activityOf } from "./activity.ts";
import { tellVerdict } from "./conclude.ts";
import { type Action, nextAction, type Past, type Proof, type Snapshot } from "./decide.ts";
import {
  activityTeller,
  type Ended,
  type LoopTools,
  runIteration,
  type SessionContext,
} from "./iteration.ts";
import { isLeaving } from "./leave.ts";
import type { Spent } from "./limits.ts";
import { watchLease } from "./recorder.ts";
import { recoverIteration } from "./recover.ts";
import { waitForProvider } from "./provider.ts";
import { refusalsInRow, refusedMs } from "./refusal.ts";
import { createServerWatch } from "./server_watch.ts";
import type { Begun } from "./session.ts";
import { unlessAborted } from "./unless_aborted.ts";
import type { Prices } from "./usage.ts";
import type { Agenda } from "./work.ts";

export type SessionEnd = Omit<Extract<Action, { kind: "end" }>, "kind">;

export interface LoopOrder extends SessionContext {
  begun: Pick<Begun, "past" | "failure" | "underWay" | "ranBeforeMs">;
  /** Whether a person asked for a pause after the iteration. */
  checkpointAsked: () => boolean;
}

/**
 * Runs the loop to its end and records it. Aborting `signal` stops it: the turn is aborted on the
 * server first. Throws `LostSession` when another worker took the session over, and `StoreError`
 * when nothing can be recorded any more. Anything else that it throws is a bug, not recorded yet.
 */
export async function runLoop(
  tools: LoopTools,
  order: LoopOrder,
  signal: AbortSignal,
): Promise<SessionEnd> {
  const { registry, recorder, clock, emit } = tools;
  const startedAt = clock.monotonic();
  let end: SessionEnd;
  const held = holdLease(tools, order.lease, signal);
  try {
    end = await loop(tools, order, held.signal);
  } catch (error) {
    if (error instanceof LostSession || error instanceof StoreError) throw error;
    end = endOf(error);
  } finally {
    held.release();
  }
  if (held.lost) throw held.lost;
  await recorder.write((registry) => registry.endSession(order.lease, end));
  const { sessionId } = order.lease;
  const { usage, complete } = registry.usage(sessionId);
  const { gates, claims } = registry.findings(sessionId);
  emit({
    type: "session_ended",
    session: sessionId,
    task: order.task.name,
    ...end,
    iterations: registry.session(sessionId)?.iterations ?? 0,
    usage: complete ? usage : null,
    durationMs: clock.monotonic() - startedAt,
    gates: [...new Map(gates.map(({ gate, passed }) => [gate, { name: gate, passed }])).values()],
    claimsTakenBack: claims.filter(({ held }) => held === false).length,
  });
  return end;
}

/** A signal that aborts with `signal`, and when the session is lost: then `lost` says why. */
function holdLease({ registry, clock }: LoopTools, lease: Lease, signal: AbortSignal) {
  const stop = new AbortController();
  const follow = () => stop.abort(signal.reason);
  if (signal.aborted) follow();
  signal.addEventListener("abort", follow);
  const stopWatching = watchLease({
    registry,
    lease,
    clock,
    onLost(error) {
      held.lost = error;
      stop.abort(error);
    },
  });
  const held: { signal: AbortSignal; lost?: RalphError; release: () => void } = {
    signal: stop.signal,
    release() {
      stopWatching();
      signal.removeEventListener("abort", follow);
    },
  };
  return held;
}

async function loop(tools: LoopTools, order: LoopOrder, signal: AbortSignal): Promise<SessionEnd> {
  const { work, verification, settings, begun } = order;
  const spent = meter(tools, order);
  const pricesNow = priceList(tools, signal);
  const server = createServerWatch(tools, order);
  const tell = activityTeller(tools, order.lease);
  const past: Past[] = [...begun.past];
  let { failure } = begun;
  let proof: Proof | undefined;
  let waited = false;
  const add = (ended: Ended) => {
    past.push(ended);
    ({ failure } = ended);
    proof = undefined;
    waited = false;
  };
  if (begun.underWay) {
    const { underWay: iteration } = begun;
    const spentNow = spent();
    add(
      await recoverIteration(tools, order, {
        iteration,
        prices: pricesNow,
        spent: spentNow,
        signal,
      }),
    );
  }
  for (;;) {
    const agenda = await tools.recorder.write(() => work.read());
    await tools.recorder.write(() => verification.prepare(agenda));
    const next = () =>
      nextAction({
        request: requestOf(order, signal),
        stories: agenda.stories,
        past,
        limits: settings.limits,
        spent: spent(),
        proof,
        waited,
      });
    const action = next();
    switch (action.kind) {
      case "end": {
        const { status, reason, detail } = action;
        return { status, reason, detail };
      }
      case "prove": {
        const run = await runAllGates(tools, order, { agenda, iteration: past.length, signal });
        proof = run?.proof;
        if (run?.failure !== undefined) {
          ({ failure } = run);
          past.push(...past.splice(-1).map((last) => ({ ...last, failureKey: run.failureKey })));
        }
        break;
      }
      case "wait": {
        const { until, why: message, attempt } = action;
        const refused = { type: "retry", message, nextAt: until, attempt } as const;
        tell(activityOf(refused, tools.clock.now()));
        await waitForProvider({
          clock: tools.clock,
          until,
          limitMs: settings.limits.rateLimitMs,
          isOver: () => next().kind !== "wait",
          signal,
        });
        waited = true;
        break;
      }
      case "iterate": {
        const ready = await server.ready({
          leftMs: (settings.limits.durationMs ?? Infinity) - spent().durationMs,
          lostTurn: past.at(-1)?.server === "lost_turn",
          isOver: () => next().kind !== "iterate",
          signal,
        });
        // Much may have changed while it waited.
        if (!ready) break;
        const prices = await pricesNow();
        if (signal.aborted) break;
        add(
          await runIteration(tools, {
            ...order,
            ...action,
            agenda,
            prices,
            spent: spent(),
            failure,
            refusedBefore: refusalsInRow(past),
            refusedMs: refusedMs(past),
          }, signal),
        );
      }
    }
  }
}

function requestOf({ checkpointAsked }: LoopOrder, signal: AbortSignal): Snapshot["request"] {
  if (isLeaving(signal)) return "leave";
  if (signal.aborted) return "stop";
  return checkpointAsked() ? "checkpoint" : undefined;
}

/** All stories are said to be done: runs all gates, and records what came of it. */
async function runAllGates(
  { recorder, emit }: LoopTools,
  { lease, verification }: LoopOrder,
  { agenda, iteration, signal }: { agenda: Agenda; iteration: number; signal: AbortSignal },
) {
  const run = await verification.prove(agenda, { iterated: iteration > 0, signal });
  if (!run) return undefined;
  await recorder.write((registry) => registry.recordFinalRun(lease, { ...run, iteration }));
  const claims = run.takenBack.map((one) => ({ ...one, held: false }));
  tellVerdict({ gates: run.gates, notes: run.notes, claims }, emit);
  return run;
}

/** Tells what the session has used so far, by all its workers, and once what it cannot tell. */
function meter({ registry, clock, emit }: LoopTools, { lease, settings, begun }: LoopOrder) {
  const startedAt = clock.monotonic();
  let warned = false;
  return (): Spent => {
    const { usage, complete } = registry.usage(lease.sessionId);
    const { costUsd } = settings.limits;
    if (!warned && costUsd !== undefined && (!complete || usage.unpricedCalls > 0)) {
      warned = true;
      const text = "the cost of some model calls is unknown: the limit of " +
        `$${costUsd} counts only what is known`;
      emit({ type: "warning", text });
    }
    return {
      costUsd: usage.costUsd + usage.derivedCostUsd,
      tokens: tokensOf(usage),
      durationMs: begun.ranBeforeMs + clock.monotonic() - startedAt,
    };
  };
}

/** The models' prices, asked for once. Where the server does not tell, there are none. */
function priceList({ client }: LoopTools, signal: AbortSignal): () => Promise<Prices> {
  let known: Prices | undefined;
  return async () => {
    try {
      known ??= await unlessAborted(client.prices(), signal);
      return known ?? new Map();
    } catch (error) {
      if (!(error instanceof OpenCodeError)) throw error;
      return new Map();
    }
  };
}

/** A session whose loop cannot go on has failed, and says why. Throws what nobody expected. */
function endOf(error: unknown): SessionEnd {
  if (error instanceof OpenCodeError) {
    return { status: "failed", reason: "server_unreachable", detail: error.message };
  }
  if (error instanceof RalphError) {
    return { status: "failed", reason: "task_unreadable", detail: error.message };
  }
  throw error;
}
