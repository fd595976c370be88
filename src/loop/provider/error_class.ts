/** What an error of the provider means for what comes next. Pure. */
import type { ServerCommands } from "../../opencode/commands.ts";
import type { AgentError } from "../../opencode/model.ts";

export type ErrorClass =
  /** The provider takes no requests for now; `until` in epoch milliseconds, where it said so. */
  | { kind: "refused"; until?: number }
  /** Trying again cannot help before a person has done something: `todo` says what, if known. */
  | { kind: "hopeless"; todo?: Todo }
  | { kind: "failure" };

/** What a person can do, in words, with the commands of the server that they use. */
type Todo = (commands: ServerCommands) => string;

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
const NO_MODEL = /model not found|modelnotfound|no such model|model unavailable/i;
const NO_AGENT = /agent not found|no such agent/i;
/** A provider that is not there. 1.1.53 gives up at once with these words (measured). */
const AWAY =
  /overloaded|unable to connect|connection (?:refused|reset)|service unavailable|bad gateway|upstream|provider returned error/i;
/** Not what was agreed on, in an answer that says it is well: the words of OpenCode's SDK (measured). */
const GARBLED =
  /^(?:AI_\w+: )?(?:type validation failed|json parsing failed|invalid json response|failed to process \w+ response)/i;
/** OpenRouter, Ollama, vLLM, LM Studio, Groq; each says it in its own way. */
const NO_TOOLS =
  /(?:does not|doesn't|not) support (?:\w+ )?(?:tool|function)|(?:tool|function)[ _-]?(?:use|calls?|calling|choice)s?`? (?:is|are)(?: not|n't) supported|no endpoints found that support tool/i;
/** A model that is asked and does not answer: that is no refusal. */
const SILENT = /timed? ?out/i;

/** Of a model that is not there. */
export const NO_MODEL_NAME = "ProviderModelNotFoundError";
/** Errors of other names are the agent's, or a person's abort. */
const OF_THE_PROVIDER = ["APIError", "UnknownError", "ProviderAuthError", NO_MODEL_NAME];

const CREDIT: Todo = () => "pay the provider, or take another model with `--model`";
const LOGIN: Todo = ({ login }) =>
  `log in again with \`${login}\`, or take another model with \`--model\``;
const PROVIDERS: Todo = ({ login }) => `log in to a provider with \`${login}\``;
const MODELS: Todo = ({ models }) => `see which models there are with \`${models}\``;
const TOOL_MODELS: Todo = ({ models }) =>
  `take a model that can call tools, with \`--model\`: \`${models}\` has a list`;
const AGENTS: Todo = ({ agents }) => `see which agents there are with \`${agents}\``;

/** A model that cannot call tools writes no file. */
export const TOOLLESS: ErrorClass = { kind: "hopeless", todo: TOOL_MODELS };

/**
 * Goes by the HTTP status first, or by the code in an error that came inside an answer; where there
 * is none, by words.
 */
export function classifyError(error: AgentError): ErrorClass {
  const { name, retryable, retryAt } = error;
  if (!OF_THE_PROVIDER.includes(name)) return { kind: "failure" };
  const inside = errorInside(error);
  const { message } = inside ?? error;
  const statusCode = error.statusCode ?? inside?.code;
  if (NO_TOOLS.test(message)) return TOOLLESS;
  if (statusCode === 402 || isOutOfCredit(message)) return { kind: "hopeless", todo: CREDIT };
  if (statusCode === 429 || RATE_LIMIT.test(message)) return { kind: "refused", until: retryAt };
  if (
    statusCode === 401 || statusCode === 403 || name === "ProviderAuthError" ||
    BAD_KEY.test(message)
  ) return { kind: "hopeless", todo: LOGIN };
  if (statusCode === 404 || name === NO_MODEL_NAME || NO_MODEL.test(message)) {
    return { kind: "hopeless", todo: MODELS };
  }
  if (NO_AGENT.test(message)) return { kind: "hopeless", todo: AGENTS };
  if (SILENT.test(message)) return { kind: "failure" };
  if (
    retryable || (statusCode ?? 0) >= 500 || AWAY.test(message) || GARBLED.test(message) ||
    (inside && statusCode === undefined)
  ) return { kind: "refused", until: retryAt };
  return { kind: "failure" };
}

/**
 * What a provider says that holds for all who use it: a rate limit, a quota, or that it is overloaded.
 * Undefined for any other error.
 */
export function limitSaid(error: AgentError): string | undefined {
  const inside = errorInside(error);
  const { message } = inside ?? error;
  const status = error.statusCode ?? inside?.code;
  const isLimit = classifyError(error).kind === "refused" &&
    (status === 429 || status === OVERLOADED || isLimitText(message));
  return isLimit ? message : undefined;
}

/** The same by words alone. */
export function isLimitText(message: string): boolean {
  return (RATE_LIMIT.test(message) || /overloaded/i.test(message)) && !isOutOfCredit(message);
}

/** Anthropic's status for it. */
const OVERLOADED = 529;

/**
 * What the provider said where an error came in the middle of an answer: OpenCode hands on its JSON,
 * 1.18.33 the object, 1.1.53 its message alone (measured). Undefined for any other error.
 */
export function errorInside(
  { name, message }: Pick<AgentError, "name" | "message">,
): { message: string; code?: number } | undefined {
  if (!OF_THE_PROVIDER.includes(name) || !/^\s*["{]/.test(message)) return undefined;
  try {
    const json = JSON.parse(message);
    if (typeof json === "string") return { message: json };
    const { message: said, code, status } = json.error ?? json;
    if (typeof said !== "string") return undefined;
    const number = [code, status].map(Number).find((one) => one >= 400 && one < 600);
    return { message: said, code: number };
  } catch {
    return undefined;
  }
}

/** What it means that the server does not have what was asked for. */
export function missingClass(what: "provider" | "model" | "agent"): ErrorClass {
  return { kind: "hopeless", todo: { provider: PROVIDERS, model: MODELS, agent: AGENTS }[what] };
}

/** Whether a provider's words say that it wants money first: asking again costs only time. */
export function isOutOfCredit(message: string): boolean {
  return NO_CREDIT.test(message);
}
