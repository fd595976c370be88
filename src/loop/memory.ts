import type { AgentError, AgentEvent, Message, MessageHead } from "../opencode/model.ts";
import type { TurnMemory } from "./settle.ts";
import { costOf, type Prices, tokensIn } from "./usage.ts";

/** What the time since the last look was spent on. */
export type Phase = "working" | "retrying" | "server_gone" | "idle";

/** Keeps a turn's memory: events and looks at the server go in. */
export interface MemoryKeeper {
  readonly now: TurnMemory;
  /** An event of our own OpenCode session or of a sub-agent's. */
  see(event: AgentEvent, options: { own: boolean }): void;
  /** A message of the server's state; nothing new when its events were seen. */
  seeMessage(message: MessageHead): void;
  /** The same of the newest one: what is new in it is a sign of life. */
  seeLast(message: Message): void;
  seeServerGone(): void;
  seeStreamBreak(): void;
  /** Books the time up to `monotonicMs` under `phase`. */
  spend(monotonicMs: number, phase: Phase): void;
}

/** A longer gap between two looks means that this process itself did not run: no silence, no work. */
const GAP_MAX_MS = 15_000;

/** `workedMs`: how long the turn has worked already. */
export function createMemory(
  startedMs: number,
  { prices = new Map(), workedMs = 0 }: { prices?: Prices; workedMs?: number } = {},
): MemoryKeeper {
  const memory = {
    workedMs,
    quietMs: 0,
    retriedMs: 0,
    stillMs: 0,
    sawIdle: false,
    error: undefined as AgentError | undefined,
    serverWasGone: false,
    streamBroke: false,
    modelCalls: 0,
    compactions: 0,
    unknownFinishes: 0,
    spent: { costUsd: 0, tokens: 0, durationMs: 0 },
  };
  const calls = new Set<string>();
  const booked = new Map<string, { costUsd: number; tokens: number }>();
  const finished = new Set<string>();
  const unknownInARow = new Map<string, number>();
  let spentUntil = startedMs;
  let lastSeen = "";

  function seeMessage(message: MessageHead): void {
    if (message.role !== "assistant") return;
    calls.add(message.id);
    memory.modelCalls = calls.size;
    book(message);
    if (message.completedAt === undefined || finished.has(message.id)) return;
    finished.add(message.id);
    if (message.compaction) memory.compactions++;
    const before = unknownInARow.get(message.sessionId) ?? 0;
    memory.unknownFinishes = message.finish === "unknown" ? before + 1 : 0;
    unknownInARow.set(message.sessionId, memory.unknownFinishes);
  }

  /** A message comes many times while it grows: only what is new in it counts. */
  function book(message: MessageHead): void {
    const before = booked.get(message.id) ?? { costUsd: 0, tokens: 0 };
    const { quotedUsd, derivedUsd } = costOf(message, prices);
    const now = { costUsd: quotedUsd + derivedUsd, tokens: tokensIn(message.tokens) };
    booked.set(message.id, now);
    memory.spent.costUsd += now.costUsd - before.costUsd;
    memory.spent.tokens += now.tokens - before.tokens;
  }

  return {
    now: memory,
    seeMessage,

    seeLast(message) {
      const seen = JSON.stringify(message);
      if (seen !== lastSeen) {
        memory.quietMs = 0;
        // How long the server was idle before the agent began says nothing of the agent's message.
        if (message.role === "assistant") memory.stillMs = 0;
      }
      lastSeen = seen;
      seeMessage(message);
    },

    see(event, { own }) {
      memory.quietMs = 0;
      if (event.type === "message") seeMessage(event.message);
      if (!own) return;
      if (event.type === "idle") memory.sawIdle = true;
      if (event.type === "busy") memory.sawIdle = false;
      // The first says what is wrong; 1.18.33 sends its own stack trace after it (measured).
      if (event.type === "error") memory.error ??= event.error;
    },

    seeServerGone() {
      memory.serverWasGone = true;
    },

    seeStreamBreak() {
      memory.streamBroke = true;
    },

    spend(monotonicMs, phase) {
      const spentMs = Math.min(monotonicMs - spentUntil, GAP_MAX_MS);
      memory.spent.durationMs += monotonicMs - spentUntil;
      spentUntil = monotonicMs;
      // Of that time nothing is known: what was counted before stays, or a server that comes and
      // goes would put off every limit for ever.
      if (phase === "server_gone") return;
      if (phase === "working") {
        memory.workedMs += spentMs;
        memory.quietMs += spentMs;
      } else {
        memory.quietMs = 0;
      }
      if (phase === "retrying") memory.retriedMs += spentMs;
      memory.stillMs = phase === "idle" ? memory.stillMs + spentMs : 0;
    },
  };
}
