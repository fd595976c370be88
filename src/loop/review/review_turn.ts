/** The turn of a reviewer: an OpenCode session of its own, which may only look. */
import { ignoreServerFailure, OpenCodeError } from "../../opencode/error.ts";
import type { Limits, Settings } from "../../settings/settings.ts";
import type { Review } from "../../store/model.ts";
import { besideAnswer } from "../../verify/review/answer.ts";
import type { Emit } from "../event.ts";
import type { Activity } from "../activity.ts";
import { type Spent, turnLimits } from "../limits.ts";
import { askPatiently, createSessionPatiently, type Patience } from "../server/retry.ts";
import { findInTime } from "../session/find_turn.ts";
import { recoveryOf, workedBeforeMs } from "../session/recovery_policy.ts";
import { NOT_STARTED_MS } from "../turn/abort.ts";
import { narrator } from "../turn/narrator.ts";
import type { TurnOptions } from "../turn/turn.ts";
import type { TurnReport } from "../turn/turn_end.ts";
import { NO_USAGE, type Prices } from "../turn/usage.ts";
import { missingModel } from "../server/missing_model.ts";
import type { ReviewerTools } from "./tools.ts";

export interface ReviewTurnOrder {
  /** Real path of the project. */
  root: string;
  model?: Settings["model"];
  /** The agent to ask for; undefined: the server's choice. */
  agent: () => Promise<string | undefined>;
  prices: () => Promise<Prices>;
  limits: Limits;
  /** Files that it may not read: what the agent says of its own work. Globs of OpenCode's rules. */
  hidden: readonly string[];
  /** Throws where the session is another worker's. */
  beforeAbort?: () => void;
  signal: AbortSignal;
}

interface Begun {
  begun: Pick<Review, "id" | "openCodeTitle">;
  /** What a worker that died has left of it. */
  left: Review | undefined;
  text: string;
  spent: Spent;
}

const NOTHING_SENT = { usage: NO_USAGE, toolRuns: [], answers: [] } as const;

/** Asks, or goes on with what was asked. Throws as `Turns.run` does, but for the server's failures. */
export async function reviewTurn(
  tools: ReviewerTools,
  order: ReviewTurnOrder,
  turn: Begun,
): Promise<TurnReport> {
  const { left } = turn;
  const report = await (left ? goOn(tools, order, { ...turn, left }) : begin(tools, order, turn))
    .finally(() => tools.place?.release());
  const { end } = report;
  if (end.kind !== "lost" || end.server !== undefined) return report;
  const missing = await missingModel(tools.client, { model: order.model });
  if (!missing) return report;
  return { ...report, end: { ...end, why: missing.words, missing: missing.what } };
}

async function begin(
  tools: ReviewerTools,
  order: ReviewTurnOrder,
  { begun, text, spent }: Begun,
): Promise<TurnReport> {
  const { client, book } = tools;
  const { model } = order;
  const patience = patienceOf(tools, order, spent);
  await tools.place?.take({ isOver: () => order.signal.aborted, signal: order.signal });
  try {
    const agent = await order.agent();
    const onlyReads = { hidden: order.hidden };
    const session = { title: begun.openCodeTitle, model, agent, onlyReads };
    const made = await createSessionPatiently(client, session, patience);
    if (!made) return { ...NOTHING_SENT, end: { kind: "stopped", confirmed: true } };
    await book.opened(begun.id, made.id);
    return await follow(tools, order, {
      sessionId: made.id,
      limits: turnLimits(order.limits, spent),
      send: async () => {
        await askPatiently(async () => {
          await client.prompt(made.id, { text, model, agent });
          book.prompted(begun.id);
        }, { ...patience, again: ({ mayPass, repeatable }) => mayPass && repeatable });
      },
    });
  } catch (error) {
    if (!(error instanceof OpenCodeError)) throw error;
    const why = `nothing was sent to the reviewer: ${error.message}`;
    const server = error.mayPass ? "away" as const : undefined;
    return { ...NOTHING_SENT, end: { kind: "lost", why, said: error.message, server } };
  }
}

async function goOn(
  tools: ReviewerTools,
  order: ReviewTurnOrder,
  { left, spent }: Begun & { left: Review },
): Promise<TurnReport> {
  const { client, clock, book } = tools;
  const patience = patienceOf(tools, order, spent);
  const found = await findInTime(client, left, patience);
  const sessionId = found.kind === "there" ? found.sessionId : left.openCodeSessionId;
  if (sessionId !== null && left.openCodeSessionId === null) await book.opened(left.id, sessionId);
  const recovery = recoveryOf(left, found, clock.now());
  if (recovery.kind === "follow" && sessionId !== null) {
    const workedMs = workedBeforeMs(left, clock.now());
    const startMs = Math.max(0, NOT_STARTED_MS - workedMs);
    const report = await follow(tools, order, {
      sessionId,
      limits: { ...turnLimits(order.limits, spent), startMs },
      workedBeforeMs: workedMs,
      send: () => Promise.resolve(),
    });
    if (report.end.kind !== "lost") return report;
    const why = "its worker died, and the reviewer never began";
    return { ...report, end: { kind: "interrupted", why } };
  }
  if (sessionId !== null) await client.abort(sessionId).catch(ignoreServerFailure);
  const idle = found.kind === "there" || (found.kind === "missing" && sessionId === null);
  const why = recovery.words;
  const usage = { ...NO_USAGE, complete: idle };
  return { ...NOTHING_SENT, usage, end: { kind: "interrupted", why } };
}

async function follow(
  { client, turns, limit, emit, tell }: ReviewerTools,
  { root, model, prices, beforeAbort, signal }: ReviewTurnOrder,
  options: Pick<TurnOptions, "sessionId" | "limits" | "send" | "workedBeforeMs">,
): Promise<TurnReport> {
  const { sessionId } = options;
  emit({ type: "opencode_session", id: sessionId });
  const narrate = narrator({ sessionId, projectRoot: root, emit: withoutAnswer(emit) });
  const report = await turns.run({
    ...options,
    prices: await prices(),
    signal,
    onlyReads: true,
    onEvent(event) {
      limit?.see(event, model);
      narrate(event);
    },
    onActivity: (activity) => tell(asReview(activity)),
    beforeAbort,
  });
  // Should what it has asked for begin yet, nobody would look at it.
  if (report.end.kind === "lost") await client.abort(sessionId).catch(ignoreServerFailure);
  return report;
}

/** Its answer is told as a verdict, and not as what a machine reads. */
function withoutAnswer(emit: Emit): Emit {
  return (event) => {
    if (event.type === "writing") return;
    if (event.type !== "text") return emit(event);
    const text = besideAnswer(event.text);
    if (text !== "") emit({ ...event, text });
  };
}

const asReview = (activity: Activity): Activity =>
  activity.kind === "working" ? { ...activity, text: "reviewer working" } : activity;

function patienceOf(
  { clock, tell }: ReviewerTools,
  { limits, signal }: ReviewTurnOrder,
  spent: Spent,
): Patience {
  const leftMs = (limits.durationMs ?? Infinity) - spent.durationMs;
  return { clock, signal, tell, limitMs: Math.max(0, Math.min(limits.serverAwayMs, leftMs)) };
}
