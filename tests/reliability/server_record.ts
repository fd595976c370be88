/** What an OpenCode server, real or fake, says of one project by itself: no code of ralph asks it. */
import type { FakeOpenCode } from "../support/fake_opencode.ts";

/** An OpenCode session as the server has it. */
export interface SeenSession {
  readonly id: string;
  readonly title: string;
  /** Set for a sub-agent's. */
  readonly parentId?: string;
  /** How many prompts the server took. */
  readonly prompts: number;
  readonly calls: readonly SeenCall[];
  /** What it used in all, where the server counts more than its messages. */
  readonly used?: SeenCall;
  /** The newest message is the agent's, complete and without an error. */
  readonly isFinished: boolean;
  readonly isBusy: boolean;
  /** From the prompt to the end of the last message, in epoch milliseconds; `Infinity`: not ended. */
  readonly turn?: { readonly began: number; readonly ended: number };
}

/** A message of an agent: one call of the model. */
export interface SeenCall {
  readonly costUsd: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly cacheReadTokens: number;
}

export interface ServerRecord {
  readonly sessions: readonly SeenSession[];
  /** The server was killed in between: what it lost is not the worker's doing. */
  readonly wasKilled: boolean;
}

interface Message {
  readonly info: {
    readonly role: "user" | "assistant";
    readonly time: { readonly created: number; readonly completed?: number };
    readonly error?: unknown;
    readonly finish?: string;
    readonly cost?: number;
    readonly tokens?: {
      readonly total?: number;
      readonly input: number;
      readonly output: number;
      readonly reasoning: number;
      readonly cache: { readonly read: number };
    };
  };
}

type Ask = (path: string) => Promise<unknown>;

/** Reads the record of a real server. */
export async function recordOf(
  url: string,
  directory: string,
  { wasKilled = false } = {},
): Promise<ServerRecord> {
  const ask: Ask = async (path) => await (await fetch(`${url}${path}`)).json();
  return { sessions: await sessionsOf(ask, directory), wasKilled };
}

/**
 * Reads the record of a fake server. Of prompts and turns its ledger counts: it also has what no
 * message shows.
 */
export async function recordOfFake(fake: FakeOpenCode, directory: string): Promise<ServerRecord> {
  const { ledger } = fake;
  const ask: Ask = async (path) => await (await fake.fetch(new URL(path, fake.url))).json();
  const seen: SeenSession[] = [];
  const active = await fake.fetch(new URL("/api/session/active", fake.url));
  if (active.headers.get("content-type") === "application/json") {
    seen.push(...await sessionsOf2(ask, directory));
    // What it had before it was updated.
    const { version } = fake;
    fake.start({ version: "1.18.33" });
    seen.push(...await sessionsOf(ask, directory));
    fake.start({ version });
  } else seen.push(...await sessionsOf(ask, directory));
  const sessions = seen.map((session) => {
    const own = ledger.filter((entry) => "sessionId" in entry && entry.sessionId === session.id);
    const prompts = own.filter(({ type }) => type === "prompt");
    const ends = own.filter(({ type }) => type === "turn_ended");
    const ended = ends.length < prompts.length ? Infinity : ends.at(-1)?.at ?? Infinity;
    return {
      ...session,
      prompts: session.parentId === undefined ? prompts.length : session.prompts,
      turn: prompts.length > 0 ? { began: prompts[0].at, ended } : session.turn,
    };
  });
  return { sessions, wasKilled: ledger.some(({ type }) => type === "killed") };
}

async function sessionsOf(ask: Ask, directory: string): Promise<readonly SeenSession[]> {
  const where = `directory=${encodeURIComponent(directory)}`;
  const listed = await ask(`/session?limit=1000&${where}`) as {
    readonly id: string;
    readonly title: string;
    readonly parentID?: string;
    readonly directory: string;
  }[];
  const busy = await ask(`/session/status?${where}`) as Record<string, { type: string }>;
  const here = listed.filter((session) => session.directory === directory);
  return await Promise.all(here.map(async ({ id, title, parentID }) => {
    const messages = await ask(`/session/${id}/message?${where}`) as Message[];
    const isBusy = id in busy && busy[id].type !== "idle";
    const own = messages.map(({ info }) => info);
    const asked = own.filter(({ role }) => role === "user");
    const last = own.at(-1);
    return {
      id,
      title,
      parentId: parentID,
      prompts: asked.length,
      calls: own.filter(({ role }) => role === "assistant").map(callOf),
      isFinished: !isBusy && last?.role === "assistant" && last.error === undefined &&
        last.time.completed !== undefined && last.finish !== "tool-calls",
      isBusy,
      turn: asked.length === 0 ? undefined : {
        began: asked[0].time.created,
        ended: isBusy ? Infinity : last?.time.completed ?? last?.time.created ?? Infinity,
      },
    };
  }));
}

/** The same of OpenCode 2, which has its messages flat and counts reasoning apart. */
async function sessionsOf2(ask: Ask, directory: string): Promise<readonly SeenSession[]> {
  const where = `directory=${encodeURIComponent(directory)}`;
  const { data: listed } = await ask(`/api/session?limit=1000&${where}`) as {
    readonly data: readonly (Used & { id: string; title: string; parentID?: string })[];
  };
  const { data: active } = await ask("/api/session/active") as { readonly data: object };
  return await Promise.all(listed.map(async ({ id, title, parentID, ...used }) => {
    const { data } = await ask(`/api/session/${id}/message?order=asc&limit=1000`) as {
      readonly data: readonly (Message["info"] & { type: string })[];
    };
    const kinds = ["user", "synthetic", "assistant", "compaction"];
    const own = data.filter(({ type }) => kinds.includes(type));
    const asked = own.filter(({ type }) => type === "user");
    const last = own.at(-1);
    const isBusy = id in active;
    return {
      id,
      title,
      parentId: parentID,
      prompts: asked.length,
      calls: own.filter(({ type }) => type === "assistant" || type === "compaction").map(usedBy),
      used: usedBy(used),
      isFinished: !isBusy && last?.type === "assistant" && last.error === undefined &&
        last.time.completed !== undefined && last.finish !== "tool-calls",
      isBusy,
      turn: asked.length === 0 ? undefined : {
        began: asked[0].time.created,
        ended: isBusy ? Infinity : last?.time.completed ?? last?.time.created ?? Infinity,
      },
    };
  }));
}

type Used = Pick<Message["info"], "cost" | "tokens">;

const usedBy = ({ cost = 0, tokens }: Used): SeenCall => ({
  costUsd: cost,
  inputTokens: tokens?.input ?? 0,
  outputTokens: tokens?.output ?? 0,
  reasoningTokens: tokens?.reasoning ?? 0,
  cacheReadTokens: tokens?.cache.read ?? 0,
});

function callOf({ cost = 0, tokens }: Message["info"]): SeenCall {
  return {
    costUsd: cost,
    inputTokens: tokens?.input ?? 0,
    outputTokens: tokens ? outputOf(tokens) : 0,
    reasoningTokens: tokens?.reasoning ?? 0,
    cacheReadTokens: tokens?.cache.read ?? 0,
  };
}

/** 1.1.53, which tells no total, counts reasoning as output too (measured). */
function outputOf(
  { total, output, reasoning }: { total?: number; output: number; reasoning: number },
) {
  return total === undefined ? output - reasoning : output;
}
