import type { OpenCode } from "../opencode/client.ts";
import { OpenCodeError } from "../opencode/error.ts";
import type { Message, Tokens } from "../opencode/model.ts";

/** What a turn cost. */
export interface Usage {
  readonly tokens: Tokens;
  /** As the server reckons it; zero where it knows no price. */
  readonly costUsd: number;
  readonly modelCalls: number;
  /** False when some of it could not be read: the numbers are then too low. */
  readonly complete: boolean;
}

export interface UsageReading {
  readonly usage: Usage;
  /** The newest message of the OpenCode session itself, where it could be read. */
  readonly last?: Message;
}

/**
 * Sums up the messages of an OpenCode session and of its sub-agents' sessions, which the server does
 * not include. Never throws for a server's failure.
 */
export async function readUsage(
  client: Pick<OpenCode, "messages" | "children">,
  sessionId: string,
): Promise<UsageReading> {
  const seen = new Set<string>();
  let complete = true;

  async function orElse<T>(reading: Promise<readonly T[]>): Promise<readonly T[]> {
    try {
      return await reading;
    } catch (error) {
      if (!(error instanceof OpenCodeError)) throw error;
      complete = false;
      return [];
    }
  }

  async function read(id: string): Promise<readonly Message[]> {
    if (seen.has(id)) return [];
    seen.add(id);
    const [own, children] = await Promise.all([
      orElse(client.messages(id)),
      orElse(client.children(id)),
    ]);
    const theirs = await Promise.all(children.map((child) => read(child.id)));
    return [...theirs.flat(), ...own];
  }

  const messages = await read(sessionId);
  const last = messages.at(-1);
  return {
    usage: { ...sum(messages), complete },
    last: last?.sessionId === sessionId ? last : undefined,
  };
}

function sum(messages: readonly Message[]): Omit<Usage, "complete"> {
  const tokens: Tokens = { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 };
  let costUsd = 0;
  let modelCalls = 0;
  for (const message of messages) {
    if (message.role !== "assistant") continue;
    tokens.input += message.tokens.input;
    tokens.output += message.tokens.output;
    tokens.reasoning += message.tokens.reasoning;
    tokens.cacheRead += message.tokens.cacheRead;
    tokens.cacheWrite += message.tokens.cacheWrite;
    costUsd += message.costUsd;
    modelCalls++;
  }
  return { tokens, costUsd, modelCalls };
}
