import type {
  AgentError,
  AgentEvent,
  Message,
  MessageHead,
  SessionUse,
} from "../../opencode/model.ts";
import { createBill } from "./bill.ts";
import type { TurnProgress } from "./completion.ts";
import { costOf, type Prices } from "./usage.ts";

/** What the time since the last look was spent on. */
export type Phase = "working" | "job" | "retrying" | "server_gone" | "idle";

/** Keeps a turn's progress: events and looks at the server go in. */
export interface ProgressKeeper {
  readonly now: TurnProgress;
  /** An event of our own OpenCode session or of a sub-agent's. */
  see(event: AgentEvent, options: { own: boolean }): void;
  /** A message of the server's state; nothing new when its events were seen. */
  seeMessage(message: MessageHead): void;
  /** The same of the newest one: what is new in it is a sign of life. */
  seeLast(message: Message): void;
  /** What the server counted of one session in all. */
  seeUse(sessionId: string, use: SessionUse): void;
  /** A sub-agent or a command in the background is at work. */
  seeBackground(): void;
  /** A tool runs: however long it prints nothing, that is a sign of life. */
  seeToolRun(): void;
  seeServerGone(): void;
  seeStreamBreak(): void;
  /** Books the time up to `monotonicMs` under `phase`. */
  spend(monotonicMs: number, phase: Phase): void;
}

/** A longer gap between two looks means that this process itself did not run: no silence, no work. */
const GAP_MAX_MS = 15_000;

/** `workedMs`: how long the turn has worked already, of one that an earlier worker began. */
export function createProgress(
  startedMs: number,
  { prices = new Map(), workedMs }: { prices?: Prices; workedMs?: number } = {},
): ProgressKeeper {
  const progress = {
    workedMs: workedMs ?? 0,
    wasUnseen: workedMs !== undefined,
    quietMs: 0,
    retriedMs: 0,
    stillMs: 0,
    jobMs: 0,
    childQuietMs: Infinity,
    sawIdle: false,
    error: undefined as AgentError | undefined,
    serverWasGone: false,
    streamBroke: false,
    ...nothingUsed(),
  };
  const count = counter(progress, prices);
  let spentUntil = startedMs;
  let lastSeen = "";

  return {
    now: progress,
    ...count,

    seeLast(message) {
      const seen = JSON.stringify(message);
      if (seen !== lastSeen) {
        progress.quietMs = 0;
        // How long the server was idle before the agent began says nothing of the agent's message.
        if (message.role === "assistant") progress.stillMs = 0;
      }
      lastSeen = seen;
      count.seeMessage(message);
    },

    see(event, { own }) {
      progress.quietMs = 0;
      if (event.type === "message") count.seeMessage(event.message);
      if (event.type === "use") count.seeUse(event.sessionId, event.use);
      if (!own) return void (progress.childQuietMs = 0);
      if (event.type === "idle") progress.sawIdle = true;
      if (event.type === "busy") progress.sawIdle = false;
      // The first says what is wrong; 1.18.33 sends its own stack trace after it (measured).
      if (event.type === "error") progress.error ??= event.error;
    },

    seeBackground: () => void (progress.childQuietMs = 0),
    seeToolRun: () => void (progress.quietMs = 0),
    seeServerGone: () => void (progress.serverWasGone = true),
    seeStreamBreak: () => void (progress.streamBroke = true),

    spend(monotonicMs, phase) {
      const spentMs = Math.min(monotonicMs - spentUntil, GAP_MAX_MS);
      progress.spent.durationMs += monotonicMs - spentUntil;
      spentUntil = monotonicMs;
      progress.childQuietMs += spentMs;
      // Of that time nothing is known: what was counted before stays, or a server that comes and
      // goes would put off every limit forever.
      if (phase === "server_gone") return;
      if (phase === "working" || phase === "job") progress.workedMs += spentMs;
      progress.quietMs = phase === "working" ? progress.quietMs + spentMs : 0;
      progress.jobMs = phase === "job" ? progress.jobMs + spentMs : 0;
      if (phase === "retrying") progress.retriedMs += spentMs;
      const isStill = phase === "idle" || phase === "job";
      progress.stillMs = isStill ? progress.stillMs + spentMs : 0;
    },
  };
}

const nothingUsed = () => ({
  modelCalls: 0,
  compactions: 0,
  unknownFinishes: 0,
  spent: { costUsd: 0, tokens: 0, durationMs: 0 },
});

/** Counts in `used` what messages and the server say: each comes many times, and counts once. */
function counter(
  used: ReturnType<typeof nothingUsed>,
  prices: Prices,
): Pick<ProgressKeeper, "seeMessage" | "seeUse"> {
  const bill = createBill();
  const calls = new Set<string>();
  const finished = new Set<string>();
  const unknownInARow = new Map<string, number>();
  const book = () => void Object.assign(used.spent, bill.sum);

  return {
    seeUse(sessionId, use) {
      bill.counted(sessionId, use);
      book();
    },

    seeMessage(message) {
      if (message.role !== "assistant") return;
      calls.add(message.id);
      used.modelCalls = calls.size;
      const { quotedUsd, derivedUsd } = costOf(message, prices);
      bill.message(message, quotedUsd + derivedUsd);
      book();
      if (message.completedAt === undefined || finished.has(message.id)) return;
      finished.add(message.id);
      if (message.compaction) used.compactions++;
      const before = unknownInARow.get(message.sessionId) ?? 0;
      used.unknownFinishes = message.finish === "unknown" ? before + 1 : 0;
      unknownInARow.set(message.sessionId, used.unknownFinishes);
    },
  };
}
