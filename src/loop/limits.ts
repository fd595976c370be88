import type { Limits } from "../settings/settings.ts";
import { tokensOf, type Usage } from "../store/model.ts";

/** What a session has used so far, by all its workers. */
export interface Spent {
  /** Quoted or derived: what is unknown is not in it. */
  costUsd: number;
  tokens: number;
  durationMs: number;
}

/** With what was used beside; undefined: nothing. */
export function spentWith({ costUsd, tokens, durationMs }: Spent, used: Usage | undefined): Spent {
  if (!used) return { costUsd, tokens, durationMs };
  return {
    costUsd: costUsd + used.costUsd + used.derivedCostUsd,
    tokens: tokens + tokensOf(used),
    durationMs,
  };
}

/** How long a turn may take, and how long each of its waits. Durations in milliseconds. */
export interface TurnLimits {
  /** Of the agent's work in one turn; waiting for the provider or the server does not count. */
  readonly turnMs: number;
  /** Without any sign of life of the agent, a tool that runs among them, while it is said to work. */
  readonly silenceMs: number;
  /** Of waiting for a provider that refuses or fails, all such waits of the turn together. */
  readonly retryMs: number;
  /** From the prompt to the first sign that the agent has begun. */
  readonly startMs: number;
  /** From the end of the work to a finished message. */
  readonly finishMs: number;
  /** Of waiting for a server that went away in mid-turn. */
  readonly serverGoneMs: number;
  /** Of the agent and its sub-agents in one turn. */
  readonly modelCalls: number;
  /** Of conversations that grew too long, the agent's and its sub-agents'. */
  readonly compactions: number;
  /** Model calls in a row that end with `unknown`, in one conversation. */
  readonly unknownFinishes: number;
  /** What is left of the session's limits; undefined: no limit. */
  readonly left?: Partial<Spent>;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** The limits of a session's next turn. */
export function turnLimits(limits: Limits, spent: Spent): TurnLimits {
  const left = (limit: number | undefined, used: number) =>
    limit === undefined ? undefined : Math.max(0, limit - used);
  return {
    turnMs: limits.turnMs,
    silenceMs: limits.silenceMs,
    retryMs: limits.rateLimitMs,
    // 1.18.33 took 6 s from prompt to work with 24 prompts at once (measured).
    startMs: 30 * SECOND,
    // 1.14.41 and 1.18.33 took up to 4 s under load (measured).
    finishMs: 8 * SECOND,
    // Long enough for an upgrade or a reboot of the server's machine.
    serverGoneMs: Math.min(10 * MINUTE, limits.serverAwayMs),
    modelCalls: limits.modelCalls,
    compactions: limits.compactions,
    unknownFinishes: limits.brokenAnswers,
    left: {
      costUsd: left(limits.costUsd, spent.costUsd),
      tokens: left(limits.tokens, spent.tokens),
      durationMs: left(limits.durationMs, spent.durationMs),
    },
  };
}

/** A duration in the words of limits: `90 s`, `15 min`. */
export function inWords(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
