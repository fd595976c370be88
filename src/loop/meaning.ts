/** What an error of the provider means for what comes next. Pure. */
import type { AgentError } from "../opencode/model.ts";

export type Meaning =
  /** The provider takes no requests for now; `until` in epoch milliseconds, where it said so. */
  | { kind: "refused"; until?: number }
  /** Trying again cannot help before a person has done something: `todo` says what, if known. */
  | { kind: "hopeless"; todo?: string }
  | { kind: "failure" };

/** Words of a rate limit, for a text of a provider or of the server about it, and nothing else. */
export const RATE_LIMIT = /rate.?limit|too many requests|(?<!disk )quota|usage limit|\b429\b/i;

/**
 * An account without credit. Not OpenAI's "exceeded your current quota" alone: Google says the same
 * of a limit of requests per minute.
 */
const NO_CREDIT =
  /insufficient[ _](?:quota|credit|fund|balance)|credit balance is too low|out of credits|payment required|spending limit|exceeded your current quota[^]*platform\.openai\.com/i;
const BAD_KEY =
  /(?:incorrect|invalid|missing|expired)[^.]{0,20}\bapi.?key|\bapi.?key[^.]{0,30}(?:incorrect|invalid|missing|expired|not valid)/i;
const NO_MODEL = /model not found|modelnotfound|no such model/i;
const NO_AGENT = /agent not found|no such agent/i;
/** A provider that is not there. 1.1.53 gives up at once with these words (measured). */
const AWAY = /overloaded|unable to connect|connection (?:refused|reset)|service unavailable/i;
/** A model that is asked and does not answer: that is no refusal. */
const SILENT = /timed? ?out/i;

/** Errors of other names are the agent's, or a person's abort. */
const OF_THE_PROVIDER = ["APIError", "UnknownError", "ProviderAuthError"];

const CREDIT = "pay the provider, or take another model with `--model`";
const LOGIN = "log in again with `opencode auth login`, or take another model with `--model`";
const MODELS = "see which models there are with `opencode models`";
const AGENTS = "see which agents there are with `opencode agent list`";

/** Goes by the HTTP status first; where there is none, by words. */
export function meaningOf(
  { name, message, statusCode, retryable, retryAt }: AgentError,
): Meaning {
  if (!OF_THE_PROVIDER.includes(name)) return { kind: "failure" };
  if (statusCode === 402 || isOutOfCredit(message)) return { kind: "hopeless", todo: CREDIT };
  if (statusCode === 429 || RATE_LIMIT.test(message)) return { kind: "refused", until: retryAt };
  if (
    statusCode === 401 || statusCode === 403 || name === "ProviderAuthError" ||
    BAD_KEY.test(message)
  ) return { kind: "hopeless", todo: LOGIN };
  if (statusCode === 404 || NO_MODEL.test(message)) return { kind: "hopeless", todo: MODELS };
  if (NO_AGENT.test(message)) return { kind: "hopeless", todo: AGENTS };
  if (SILENT.test(message)) return { kind: "failure" };
  if (retryable || (statusCode ?? 0) >= 500 || AWAY.test(message)) {
    return { kind: "refused", until: retryAt };
  }
  return { kind: "failure" };
}

/** Whether a provider's words say that it wants money first: asking again costs only time. */
export function isOutOfCredit(message: string): boolean {
  return NO_CREDIT.test(message);
}
