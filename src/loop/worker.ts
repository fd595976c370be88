/**
 * The worker: it holds the task's lock for life, and goes round the loop until `decide.ts` says that
 * it is over.
 */
import { RalphError } from "../error.ts";
import { OpenCodeError } from "../opencode/error.ts";
import type { Lease, Outcome } from "../registry/model.ts";
import { LostSession } from "../registry/registry.ts";
import type { Task } from "../task/find.ts";
import { type Action, nextAction } from "./decide.ts";
import { type IterationOrder, type LoopTools, runIteration } from "./iteration.ts";
import { readPrd } from "./prd_file.ts";
import { waitForServer } from "./server.ts";

export type SessionEnd = Omit<Extract<Action, { kind: "end" }>, "kind">;

export interface LoopOrder extends Pick<IterationOrder, "model" | "agent" | "maxIterations"> {
  lease: Lease;
  task: Task;
  prdPath: string;
  /** Whether a person asked for a pause after the iteration. */
  checkpointAsked: () => boolean;
  /** Outcomes of the iterations that the session has already made, oldest first. */
  outcomes: readonly Outcome[];
}

/** How long a server may stay away before the session ends: a long upgrade, a reboot. */
const SERVER_AWAY_MS_MAX = 30 * 60_000;

/**
 * Runs the loop to its end and records it. Aborting `signal` stops it: the turn is aborted on the
 * server first. Throws `LostSession` when another worker took the session over.
 */
export async function runLoop(
  tools: LoopTools,
  order: LoopOrder,
  signal: AbortSignal,
): Promise<SessionEnd> {
  const { registry, clock, emit } = tools;
  const startedAt = clock.monotonic();
  let end: SessionEnd;
  try {
    end = await loop(tools, order, signal);
  } catch (error) {
    if (error instanceof LostSession) throw error;
    end = endOf(error);
  }
  registry.endSession(order.lease, end);
  const { sessionId } = order.lease;
  const { usage, complete } = registry.usage(sessionId);
  emit({
    type: "session_ended",
    session: sessionId,
    ...end,
    iterations: registry.session(sessionId)?.iterations ?? 0,
    usage: complete ? usage : null,
    durationMs: clock.monotonic() - startedAt,
  });
  return end;
}

async function loop(tools: LoopTools, order: LoopOrder, signal: AbortSignal): Promise<SessionEnd> {
  const outcomes = [...order.outcomes];
  let last: { story: string; outcome: Outcome; detail: string } | undefined;
  for (;;) {
    const prd = readPrd(tools.readFile, order.prdPath);
    const action = nextAction({
      request: signal.aborted ? "stop" : order.checkpointAsked() ? "checkpoint" : undefined,
      stories: prd.stories,
      outcomes,
      maxIterations: order.maxIterations,
      lastDetail: last?.detail,
    });
    if (action.kind === "end") {
      const { status, reason, detail } = action;
      return { status, reason, detail };
    }
    await serverReady(tools, order.lease, signal);
    if (signal.aborted) continue;
    const { number, story } = action;
    const lastFailure = last && last.outcome !== "advanced" ? last.detail : undefined;
    const judgement = await runIteration(
      tools,
      { ...order, number, story, prd, lastFailure },
      signal,
    );
    outcomes.push(judgement.outcome);
    last = { story: story.id, ...judgement };
  }
}

async function serverReady(tools: LoopTools, lease: Lease, signal: AbortSignal): Promise<void> {
  const { client, clock, registry, emit } = tools;
  await waitForServer({
    client,
    clock,
    signal,
    limitMs: SERVER_AWAY_MS_MAX,
    onWaiting: (error) => {
      const text = `waiting for server: ${error.message}`;
      registry.setActivity(lease, text);
      emit({ type: "activity", text });
    },
  });
}

/** A session whose loop cannot go on has failed, and says why. */
function endOf(error: unknown): SessionEnd {
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof OpenCodeError) {
    return { status: "failed", reason: "server_unreachable", detail };
  }
  if (error instanceof RalphError) return { status: "failed", reason: "task_unreadable", detail };
  return { status: "failed", reason: "internal_error", detail };
}
