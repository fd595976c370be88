/** What became of the agent's turn when a session was stopped, asked of the server itself. */
import { abortTurn } from "../loop/abort.ts";
import { UNCONFIRMED } from "../loop/outcome.ts";
import { OpenCodeError } from "../opencode/error.ts";
import type { Iteration, Session } from "../registry/model.ts";
import { DEFAULT_SERVER_URL } from "../settings/server_url.ts";
import { plain } from "../terminal/plain.ts";
import { clientAt } from "./client.ts";
import type { Context } from "./context.ts";
import { openStoreReadOnly } from "./store.ts";

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
  if (last.outcome !== "stopped") return NONE;
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

/** Aborts the turn of an OpenCode session, if there is one. */
export async function abortOn(
  context: Context,
  { session, sessionId }: { session: Session; sessionId: string | null },
): Promise<TurnEnd> {
  if (sessionId === null) return NONE;
  const { clock } = context;
  const client = clientOf(context, session);
  if (await abortTurn({ client, clock, sessionId })) return ABORTED;
  return { turn: "not confirmed", why: UNCONFIRMED };
}

const isInDoubt = ({ outcome, detail }: Iteration) =>
  outcome === null || (detail?.includes(UNCONFIRMED) ?? false);

function lastIteration(context: Context, { id }: Session): Iteration | undefined {
  const registry = openStoreReadOnly(context);
  try {
    return registry?.iterations(id).at(-1);
  } finally {
    registry?.close();
  }
}

/** False, or why that is not so. */
async function isBusy(
  context: Context,
  { session, sessionId }: { session: Session; sessionId: string },
): Promise<false | string> {
  try {
    const quick = { requestTimeoutMs: CONFIRM_MS_MAX };
    const busy = await clientOf(context, session, quick).busy();
    return busy.has(sessionId) && `the server still lists ${plain(sessionId, 60)} as busy`;
  } catch (error) {
    if (!(error instanceof OpenCodeError)) throw error;
    return error.message;
  }
}

/** The server of a session, as its project sees it. */
export function clientOf(
  context: Context,
  { serverUrl, projectRoot }: Session,
  options: { requestTimeoutMs?: number } = {},
) {
  const url = serverUrl ?? DEFAULT_SERVER_URL;
  return clientAt(context, { url, directory: projectRoot, ...options });
}
