/** What the server knows of the turn of an iteration that was under way when its worker died. */
import type { OpenCode } from "../../opencode/client.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import { askPatiently, type Patience } from "../server/retry.ts";
import { createSessionTree } from "../turn/session_tree.ts";
import type { Iteration } from "../../store/model.ts";
import type { Found } from "./recovery_policy.ts";

/** The clocks of server and database are the same: this is for rounding. */
const CLOCK_MS = 1_000;

/** What is on record of a turn that was begun. */
type BegunTurn = Pick<Iteration, "openCodeSessionId" | "openCodeTitle" | "startedAt">;

/** Asks once. Throws `OpenCodeError`: see `unanswered`. */
export async function findTurn(client: OpenCode, iteration: BegunTurn): Promise<Found> {
  try {
    const sessionId = iteration.openCodeSessionId ?? await idByTitle(client, iteration);
    if (sessionId === undefined || !await client.session(sessionId)) return { kind: "missing" };
    const tree = createSessionTree(client, sessionId);
    const [{ ours }, messages] = await Promise.all([
      client.busy().then((busy) => tree.sort(busy.keys())),
      client.messages(sessionId, { limit: 1 }),
    ]);
    const last = messages.at(-1);
    const busy = ours.length > 0;
    // What was handed over in mid-turn may be its last message: how far the agent is says the one before.
    const all = busy || last?.role !== "user" ? [] : await client.messages(sessionId);
    const ofAgent = all.findLast(({ role }) => role === "assistant");
    return { kind: "there", sessionId, busy, last: ofAgent ?? last };
  } catch (error) {
    if (error instanceof OpenCodeError && error.kind === "not_found") return { kind: "missing" };
    throw error;
  }
}

const UNASKED: Found = { kind: "unknown", why: "the server had not answered when it was stopped" };

/** Asks until the server tells, at most as long as a server may be away. */
export async function findInTime(
  client: OpenCode,
  turn: BegunTurn,
  patience: Patience,
): Promise<Found> {
  const found = askPatiently(() => findTurn(client, turn), patience);
  return await found.catch(unanswered) ?? UNASKED;
}

/** What is known when the server did not tell. Throws what is no `OpenCodeError`. */
export function unanswered(error: unknown): Found {
  if (!(error instanceof OpenCodeError)) throw error;
  return { kind: "unknown", why: error.message };
}

/** Titles are unique in one database; another one may have given the same before. */
async function idByTitle(
  client: OpenCode,
  { openCodeTitle, startedAt }: BegunTurn,
): Promise<string | undefined> {
  const since = Date.parse(startedAt) - CLOCK_MS;
  const sessions = await client.sessions();
  return sessions.find(({ title, createdAt }) => title === openCodeTitle && createdAt >= since)?.id;
}
