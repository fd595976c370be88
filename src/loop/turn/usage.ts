import type { OpenCode } from "../../opencode/client.ts";
import { OpenCodeError } from "../../opencode/error.ts";
import type { Message, MessageHead, Price, SessionUse } from "../../opencode/model.ts";
import { tokensOf, type Usage as StoredUsage } from "../../store/model.ts";

/** What a turn cost. */
export interface Usage extends Readonly<StoredUsage> {
  /** False when some of it could not be read: the numbers are then too low. */
  readonly complete: boolean;
}

/** What is used when nothing is. */
const NOTHING = {
  inputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costUsd: 0,
  derivedCostUsd: 0,
  modelCalls: 0,
  unpricedCalls: 0,
  uncountedCalls: 0,
};

const USED = Object.keys(NOTHING) as (keyof typeof NOTHING)[];
const TOKENS = [
  "inputTokens",
  "outputTokens",
  "reasoningTokens",
  "cacheReadTokens",
  "cacheWriteTokens",
] as const;

/** Of a turn that was never begun. */
export const NO_USAGE: Usage = { ...NOTHING, complete: true };

/** As it is stored; undefined when not all of it could be read. */
export function knownUsage({ complete, ...usage }: Usage): StoredUsage | undefined {
  return complete ? usage : undefined;
}

/** Prices by `provider/model`. */
export type Prices = ReadonlyMap<string, Price | undefined>;

export interface UsageReading {
  readonly usage: Usage;
  /** When tools ran, sub-agents' included, in epoch milliseconds; undefined when that is not known. */
  readonly toolRuns?: Message["toolRuns"];
  /** The newest message of the OpenCode session itself, where it could be read. */
  readonly last?: Message;
}

/**
 * Sums up an OpenCode session and those of its sub-agents, which the server does not include: what the
 * messages of each say, or what the server counted of it, where that is more. Never throws for a
 * server's failure.
 */
export async function readUsage(
  client: Pick<OpenCode, "messages" | "children" | "sessionUse">,
  { sessionId, prices = new Map() }: { sessionId: string; prices?: Prices },
): Promise<UsageReading> {
  const seen = new Set<string>();
  const usage: StoredUsage = { ...NOTHING };
  let complete = true;

  async function orElse<T>(nothing: T, reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      if (!(error instanceof OpenCodeError)) throw error;
      complete = false;
      return nothing;
    }
  }

  async function read(id: string): Promise<readonly Message[]> {
    if (seen.has(id)) return [];
    seen.add(id);
    const [own, children, counted] = await Promise.all([
      orElse([], client.messages(id)),
      orElse([], client.children(id)),
      orElse(undefined, client.sessionUse(id)),
    ]);
    add(usage, atLeast(sum(own, prices), counted));
    const theirs = await Promise.all(children.map((child) => read(child.id)));
    return [...theirs.flat(), ...own];
  }

  const messages = await read(sessionId);
  const last = messages.at(-1);
  return {
    usage: { ...usage, complete },
    toolRuns: complete ? messages.flatMap((message) => message.toolRuns) : undefined,
    last: last?.sessionId === sessionId ? last : undefined,
  };
}

function add(to: StoredUsage, more: StoredUsage): void {
  for (const key of USED) to[key] += more[key];
}

/**
 * What the server counted beside the messages has no call of its own here. Where it knows no price it
 * counts no cost: then what is derived stays.
 */
function atLeast(ofMessages: StoredUsage, counted: SessionUse | undefined): StoredUsage {
  if (counted === undefined) return ofMessages;
  const all = { ...ofMessages, costUsd: Math.max(ofMessages.costUsd, counted.costUsd) };
  for (const key of TOKENS) all[key] = Math.max(ofMessages[key], counted.tokens[key]);
  return all;
}

function sum(messages: readonly Message[], prices: Prices): StoredUsage {
  const used: StoredUsage = { ...NOTHING };
  for (const message of messages) {
    if (message.role !== "assistant") continue;
    used.inputTokens += message.tokens.inputTokens;
    used.outputTokens += message.tokens.outputTokens;
    used.reasoningTokens += message.tokens.reasoningTokens;
    used.cacheReadTokens += message.tokens.cacheReadTokens;
    used.cacheWriteTokens += message.tokens.cacheWriteTokens;
    const cost = costOf(message, prices);
    used.costUsd += cost.quotedUsd;
    used.derivedCostUsd += cost.derivedUsd;
    used.modelCalls++;
    if (cost.unknown) used.unpricedCalls++;
    if (cost.unknown && tokensOf(message.tokens) === 0) used.uncountedCalls++;
  }
  return used;
}

/**
 * What a message of the agent cost. Where the server quotes nothing, the model's price is taken, with
 * output and reasoning priced alike, as OpenCode does, and without surcharges for long contexts. A
 * price of nothing is none: that is how a subscription looks. What broke off in the middle was paid
 * for, and nobody tells how much; so was an answer of no tokens, as a stream that was cut off leaves it
 * (1.18.34, a build of 2, measured).
 */
export function costOf(
  message: MessageHead & Partial<Pick<Message, "text" | "toolRuns">>,
  prices: Prices,
): { quotedUsd: number; derivedUsd: number; unknown: boolean } {
  const { tokens, costUsd: quotedUsd, model } = message;
  if (quotedUsd > 0) return { quotedUsd, derivedUsd: 0, unknown: false };
  if (tokensOf(tokens) === 0) {
    const brokeOff = message.error
      ? message.error.name === "MessageAbortedError"
      : message.completedAt === undefined;
    const { text = "", toolRuns = [] } = message;
    const isAnswer = text !== "" || toolRuns.length > 0;
    return { quotedUsd: 0, derivedUsd: 0, unknown: brokeOff || isAnswer };
  }
  const price = model === undefined ? undefined : prices.get(model);
  const derivedUsd = !price ? 0 : (tokens.inputTokens * price.input +
    (tokens.outputTokens + tokens.reasoningTokens) * price.output +
    tokens.cacheReadTokens * price.cacheRead + tokens.cacheWriteTokens * price.cacheWrite) / 1e6;
  return { quotedUsd: 0, derivedUsd, unknown: derivedUsd === 0 };
}
