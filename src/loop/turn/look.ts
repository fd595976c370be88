/** One look at what the server says of a turn. Throws `OpenCodeError`. */
import type { OpenCode } from "../../opencode/client.ts";
import type { Busy, Message, SessionUse } from "../../opencode/model.ts";
import { goesOn, isFinished, type Snapshot } from "./completion.ts";
import type { SessionTree } from "./session_tree.ts";
import { type Prices, readUsage, type UsageReading } from "./usage.ts";

export interface Look extends Snapshot {
  /** Sessions that are at work, and none of the turn's. */
  readonly others: readonly string[];
  /** Sub-agents that are at work, whether the agent waits for them or not. */
  readonly subagents: readonly string[];
  /** A tool runs, of the agent or of a sub-agent. */
  readonly toolRuns?: boolean;
  /** What the server counted of the session and of the sub-agents that are at work. */
  readonly uses?: readonly (readonly [sessionId: string, use: SessionUse])[];
  readonly reading?: UsageReading;
}

interface Watched {
  readonly client: OpenCode;
  readonly sessionId: string;
  readonly sessionTree: SessionTree;
  readonly prices?: Prices;
}

/** What the session and its sub-agents do, and its newest message. */
export async function look(turn: Watched): Promise<Look> {
  const { client, sessionId } = turn;
  const [atWork, [last]] = await Promise.all([
    whoWorks(turn),
    client.messages(sessionId, { limit: 1 }),
  ]);
  const { busy, subagents } = atWork;
  if ((!busy || busy.type === "job") && !isWhole(last)) {
    return { ...atWork, last, record: await client.turnRecord(sessionId) };
  }
  const [toolRuns, uses] = await Promise.all([
    busy?.type === "busy" && aToolRuns(client, { last, subagents }),
    usesOf(client, [sessionId, ...subagents]),
  ]);
  return { ...atWork, last, toolRuns, uses };
}

async function usesOf(client: OpenCode, sessionIds: readonly string[]): Promise<Look["uses"]> {
  const all = await Promise.all(sessionIds.map(async (id) => [id, await client.sessionUse(id)]));
  return all.filter((one): one is [string, SessionUse] => one[1] !== undefined);
}

/** The same when an end is likely: with all that is wanted then, in one round trip. */
export async function lookAtEnd(turn: Watched): Promise<Look> {
  const [atWork, reading] = await Promise.all([whoWorks(turn), readUsage(turn.client, turn)]);
  // Nothing there, or it could not be read, or the end is far: a look tells which.
  if (!isWhole(reading.last) || atWork.subagents.length > 0) return look(turn);
  return { ...atWork, last: reading.last, reading };
}

/** Whether the newest message is one with which a turn ends. */
const isWhole = (last: Message | undefined): last is Message =>
  last !== undefined && isFinished(last) && !goesOn(last);

/** The tool that waits for a sub-agent: whether anything runs is then to be seen there. */
const DELEGATING = "task";

/** Whether a tool runs, of the agent or of one of the sub-agents that are at work. */
async function aToolRuns(
  client: OpenCode,
  { last, subagents }: { last?: Message; subagents: readonly string[] },
): Promise<boolean> {
  if (hasOpenTool(last)) return true;
  const theirs = await Promise.all(subagents.map((id) => client.messages(id, { limit: 1 })));
  return theirs.some(([newest]) => hasOpenTool(newest));
}

const hasOpenTool = (message: Message | undefined) =>
  message?.toolRuns.some(({ tool, end }) => end === undefined && tool !== DELEGATING) ?? false;

async function whoWorks(
  { client, sessionId, sessionTree }: Watched,
): Promise<Pick<Look, "busy" | "subagents" | "others">> {
  const all = await client.busy();
  const { ours, others } = await sessionTree.sort(all.keys());
  const subagents = ours.filter((id) => id !== sessionId);
  const theirs = subagents.flatMap((id) => all.get(id) ?? []);
  return { busy: busyOf(all.get(sessionId), theirs), subagents, others };
}

/**
 * What is said of the agent: it waits for the provider where a sub-agent that it waits for does, and
 * is at work as long as one is that works on in the background. Where only commands run there, that.
 */
function busyOf(own: Busy | undefined, theirs: readonly Busy[]): Busy | undefined {
  if (own?.type === "retry") return own;
  const theirRetry = theirs.find(({ type }) => type === "retry");
  if (own?.type === "busy") return theirRetry ?? own;
  return theirs.find(({ type }) => type === "busy") ?? theirRetry ?? own ?? theirs[0];
}
