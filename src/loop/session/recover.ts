/** Does what `recovery_policy.ts` decides about an iteration that an earlier worker left under way. */
import { ignoreServerFailure } from "../../opencode/error.ts";
import type { Iteration } from "../../store/model.ts";
import { NOT_STARTED_MS } from "../turn/abort.ts";
import { findInTime } from "./find_turn.ts";
import { finishIteration } from "../iteration/finish.ts";
import { activityTeller } from "../activity.ts";
import type { Ended, LoopTools, SessionContext } from "../context.ts";
import { followTurn } from "../iteration/follow_turn.ts";
import { type Spent, turnLimits } from "../limits.ts";
import { recoveryOf, workedBeforeMs } from "./recovery_policy.ts";
import type { TurnReport } from "../turn/turn_end.ts";
import { NO_USAGE, type Prices } from "../turn/usage.ts";

interface RecoveryOrder {
  iteration: Iteration;
  /** What was said of it as the session began. */
  told?: string;
  prices: () => Promise<Prices>;
  spent: Spent;
  signal: AbortSignal;
}

/** Follows or ends its turn, judges what it left, and records it. Throws as `runIteration` does. */
export async function recoverIteration(
  tools: LoopTools,
  session: SessionContext,
  order: RecoveryOrder,
): Promise<Ended> {
  const { clock } = tools;
  const { iteration, signal } = order;
  const { number, storyId } = iteration;
  const beforeMs = tools.store.iterationBeforeMs(session.lease.sessionId, number);
  const startedAt = clock.monotonic() - beforeMs;
  const report = await reportOf(tools, session, order);
  tools.place.release();
  const agenda = session.backlog.recall();
  await session.verification.prepare(agenda);
  return await finishIteration(tools, session, {
    number,
    story: { id: storyId ?? "" },
    agenda,
    report,
    before: session.treeBefore.kept(),
    startedAt,
    signal,
  });
}

async function reportOf(
  tools: LoopTools,
  session: SessionContext,
  order: RecoveryOrder,
): Promise<TurnReport> {
  const { client, clock, recorder, emit } = tools;
  const { iteration, signal } = order;
  const found = await findInTime(client, iteration, {
    clock,
    signal,
    session: session.lease.sessionId,
    limitMs: session.settings.limits.serverAwayMs,
    tell: activityTeller(tools, session.lease),
  });
  tools.place.loaded();
  const sessionId = found.kind === "there" ? found.sessionId : iteration.openCodeSessionId;
  if (sessionId !== null && iteration.openCodeSessionId === null) {
    const { number } = iteration;
    await recorder.write((store) => store.setOpenCodeSession(session.lease, number, sessionId));
  }
  const recovery = recoveryOf(iteration, found, clock.now());
  const follows = recovery.kind === "follow" || (recovery.kind === "wait" && signal.aborted);
  if (follows && sessionId !== null) {
    if (!order.told?.endsWith(recovery.words)) emit({ type: "activity", text: recovery.words });
    return await followLeftTurn(tools, session, { ...order, sessionId });
  }
  // Should it begin yet, it would work beside the next turn.
  if (sessionId !== null) await client.abort(sessionId).catch(ignoreServerFailure);
  const why = recovery.kind === "record" ? recovery.why : `its worker died, and ${recovery.words}`;
  // Where an agent may have worked, nobody knows what it used and when its tools ran.
  const idle = found.kind === "there" || (found.kind === "missing" && sessionId === null);
  return {
    end: { kind: "interrupted", why },
    usage: { ...NO_USAGE, complete: idle },
    toolRuns: idle ? [] : undefined,
    answers: [],
  };
}

/** Follows a turn that goes on, or has just ended, as if its own worker had stayed. */
async function followLeftTurn(
  tools: LoopTools,
  session: SessionContext,
  { iteration, prices, spent, signal, sessionId }: RecoveryOrder & { sessionId: string },
): Promise<TurnReport> {
  const workedMs = workedBeforeMs(iteration, tools.clock.now());
  const report = await followTurn(tools, session, {
    number: iteration.number,
    sessionId,
    send: () => Promise.resolve(),
    limits: {
      ...turnLimits(session.settings.limits, spent),
      startMs: Math.max(0, NOT_STARTED_MS - workedMs),
    },
    workedBeforeMs: workedMs,
    prices: await prices(),
    signal,
  });
  const { end } = report;
  switch (end.kind) {
    case "interrupted":
      return { ...report, end: { ...end, why: `its worker died; then ${end.why}` } };
    case "lost":
      return {
        ...report,
        end: { kind: "interrupted", why: "its worker died, and the agent never began" },
      };
    default:
      return report;
  }
}
