/** How long a turn may take, and how long each of its waits. Durations in milliseconds. */
export interface TurnLimits {
  /** Of the agent's work in one turn; waiting for the provider or the server does not count. */
  readonly turnMs: number;
  /** Without any sign of life of the agent while it is said to work. */
  readonly silenceMs: number;
  /** Of waiting for a provider that refuses, all such waits of the turn together. */
  readonly retryMs: number;
  /** From the prompt to the first sign that the agent has begun. */
  readonly startMs: number;
  /** From the end of the work to a finished message. */
  readonly settleMs: number;
  /** Of waiting for a server that went away in mid-turn. */
  readonly serverGoneMs: number;
  /** Of the agent and its sub-agents in one turn. */
  readonly modelCalls: number;
  /** Model calls in a row that end with `unknown`, in one conversation. */
  readonly unknownFinishes: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const DEFAULT_TURN_LIMITS: TurnLimits = {
  // A story that needs more than an hour of work is too large for one context.
  turnMs: 1 * HOUR,
  // More than the longest silent tool: OpenCode ends a shell command after at most 10 minutes. Some
  // versions never notice that a model hangs (1.1.53, 1.14.41, measured).
  silenceMs: 15 * MINUTE,
  // Subscriptions refuse for windows of up to 5 hours; up to 1.14 OpenCode retries for ever (measured).
  retryMs: 6 * HOUR,
  // 1.18.33 took 6 s from prompt to work with 24 prompts at once (measured).
  startMs: 30 * SECOND,
  // 1.14.41 and 1.18.33 took up to 4 s under load (measured).
  settleMs: 8 * SECOND,
  // Long enough for an upgrade or a reboot of the server's machine.
  serverGoneMs: 10 * MINUTE,
  // Honest turns stay far below; a turn that loops makes four calls a second (1.1.53, measured).
  modelCalls: 300,
  // A model stream that breaks off is asked again at once and for ever (1.1.53, 1.18.33, measured).
  unknownFinishes: 5,
};
