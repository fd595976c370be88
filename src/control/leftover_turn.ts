/** What became of the agent's turn when a session was stopped, asked of the server itself. */
import { abortTurn } from "../loop/turn/abort.ts";
import { createSessionTree } from "../loop/turn/session_tree.ts";
import { UNCONFIRMED } from "../loop/iteration/outcome.ts";
import { OpenCodeError } from "../opencode/error.ts";
import type { Iteration, Session } from "../store/model.ts";
import { plain } from "../terminal/plain.ts";
import { clientOf } from "../app/server_client.ts";
import type { Context } from "../app/context.ts";
import { readAsIs } from "./liveness.ts";

/** `why` may be shown as it is. */
export type TurnEnd = { turn: "none" | "aborted" } | { turn: "not confirmed"; why: string };

const NONE: TurnEnd = { turn: "none" };
const ABORTED: TurnEnd = { turn: "aborted" };

/** A server that is well answers within milliseconds. */
const CONFIRM_MS_MAX = 1_000;

/** What became of the turn that a session was stopped in. */
export async function turnEndOf(context: Context, session: Session): Promise<TurnEnd> {
  const last = lastIteration(context, session);
  const sessionId = last?.openCodeSessionId ?? null;
  if (!last || sessionId === null) return NONE;
  if (last.outcome === null) return await abortOn(context, { session, sessionId });
  if (last.outcome !== "stopped" && !isInDoubt(last)) return NONE;
  const seen = await isBusy(context, { session, sessionId });
  if (seen !== false) return { turn: "not confirmed", why: seen };
  if (isInDoubt(last)) return { turn: "not confirmed", why: UNCONFIRMED };
  return last.promptedAt === null ? NONE : ABORTED;
}

/**
 * Ends what an ended session has left at work on the server: its worker was killed, or the server
 * did not confirm an abort. Undefined when there is nothing of the kind.
 */
export async function endLeftTurn(
  context: Context,
  session: Session,
): Promise<TurnEnd | undefined> {
  const last = lastIteration(context, session);
  const sessionId = last?.openCodeSessionId ?? null;
  if (!last || sessionId === null || !isInDoubt(last)) return undefined;
  const seen = await isBusy(context, { session, sessionId });
  return seen === false ? undefined : await abortOn(context, { session, sessionId });
}

/** Aborts the turn of an OpenCode session. */
async function abortOn(
  context: Context,
  { session, sessionId }: { session: Session; sessionId: string },
): Promise<TurnEnd> {
  const { clock } = context;
  const client = await clientOf(context, session);
  if (await abortTurn({ client, clock, sessionId })) return ABORTED;
  return { turn: "not confirmed", why: UNCONFIRMED };
}

const isInDoubt = ({ outcome, abortConfirmed }: Iteration) =>
  outcome === null || abortConfirmed === false;

function lastIteration(context: Context, { id }: Session): Iteration | undefined {
  return readAsIs(context, (store) => store.iterations(id).at(-1));
}

/** Whether the turn or a sub-agent of it is at work: false, or why that is not so. */
async function isBusy(
  context: Context,
  { session, sessionId }: { session: Session; sessionId: string },
): Promise<false | string> {
  try {
    const quick = { requestTimeoutMs: CONFIRM_MS_MAX };
    const client = await clientOf(context, session, quick);
    const { ours: [atWork] } = await createSessionTree(client, sessionId)
      .sort((await client.busy()).keys());
    return atWork !== undefined && `the server still lists ${plain(atWork, 60)} as busy`;
  } catch (error) {
    if (!(error instanceof OpenCodeError)) throw error;
    return error.message;
  }
}
