/** What errors mean, by what real servers made of them (1.1.53, 1.18.33, measured). */
import assert from "node:assert/strict";
import { classifyError, limitSaid } from "../../../../src/loop/provider/error_class.ts";
import { serverCommands } from "../../../../src/opencode/commands.ts";
import type { AgentError } from "../../../../src/opencode/model.ts";

const COMMANDS = serverCommands({ generation: 1, url: "http://127.0.0.1:1" });

const api = (statusCode: number | undefined, message: string, retryable = false): AgentError => ({
  name: "APIError",
  message,
  statusCode,
  retryable,
});
const unknown = (message: string): AgentError => ({ name: "UnknownError", message });

const HOPELESS: readonly [AgentError, RegExp][] = [
  [api(401, "Incorrect API key provided: sk-xx"), /opencode auth login/],
  [api(403, "Forbidden for your region"), /opencode auth login/],
  [api(400, "API key not valid. Please pass a valid API key."), /opencode auth login/],
  [{ name: "ProviderAuthError", message: "the key is missing" }, /opencode auth login/],
  [api(402, "no"), /pay the provider/],
  [api(400, "Your credit balance is too low to access the Anthropic API."), /pay the provider/],
  [api(429, "insufficient_quota", true), /pay the provider/],
  [
    api(
      429,
      "You exceeded your current quota, please check your plan and billing details. For more " +
        "information, read the docs: https://platform.openai.com/docs/guides/error-codes.",
      true,
    ),
    /pay the provider/,
  ],
  [api(404, "The model `x` does not exist"), /opencode models/],
  [unknown("Model not found: fake/nope."), /opencode models/],
  [api(400, "registry.ollama.ai/library/deepseek-r1:latest does not support tools"), /call tools/],
  [api(404, "No endpoints found that support tool use. Try disabling bash."), /call tools/],
  [api(400, "`tool calling` is not supported with this model"), /call tools/],
  [api(400, "This model doesn't support function calling"), /call tools/],
  [unknown('{"message":"Insufficient credits","code":402}'), /pay the provider/],
  [unknown('Agent not found: "nope".'), /opencode agent list/],
];

const REFUSED: readonly AgentError[] = [
  api(429, "Rate limit reached", true),
  api(529, "Provider is overloaded", true),
  api(500, "boom", true),
  api(undefined, "Cannot connect to API: The socket connection was closed unexpectedly.", true),
  api(403, "secondary rate limit"),
  api(
    429,
    "You exceeded your current quota, please check your plan. See https://ai.google.dev. Retry in 36s.",
  ),
  unknown('"Rate limit exceeded"'),
  unknown('"Too many requests"'),
  unknown('{"message":"Overloaded","type":"overloaded_error","code":529}'),
  unknown("Error: Unable to connect. Is the computer able to access the url?"),
  unknown('"Provider returned error: upstream 502"'), // 1.1.53
  unknown('{"message":"Provider returned error: upstream 502","code":502}'), // 1.18.33
  unknown('{"message":"Something went wrong","type":"server_error","code":null}'),
  unknown("JSON parsing failed: Text: {not json."),
  unknown("AI_TypeValidationError: Type validation failed: Value: {}.\nError message: []"),
  unknown("Type validation failed: Value: {}.\nError message: []"),
];

const FAILURES: readonly AgentError[] = [
  api(400, "bad request"),
  api(413, "Request too large"),
  unknown('{"message":"messages: at least one is required","code":400}'),
  unknown("SSE read timed out"),
  api(undefined, "Provider response headers timed out after 300000ms", true),
  unknown("EDQUOT: disk quota exceeded, write"),
  { name: "MessageAbortedError", message: "The operation was aborted." },
  { name: "ContextOverflowError", message: "quota of tokens" },
];

Deno.test("where a person has to do something first, trying again is hopeless", () => {
  for (const [error, todo] of HOPELESS) {
    const errorClass = classifyError(error);
    assert.equal(errorClass.kind, "hopeless", error.message);
    assert.match(errorClass.kind === "hopeless" ? errorClass.todo?.(COMMANDS) ?? "" : "", todo);
  }
});

Deno.test("a limit, an overload and a provider that is away are refusals for now", () => {
  for (const error of REFUSED) {
    assert.deepEqual(classifyError({ ...error, retryAt: 7 }), { kind: "refused", until: 7 });
  }
});

Deno.test("a limit and an overload hold for all who use the provider, with its words", () => {
  const said = REFUSED.map((error) => limitSaid(error)).filter((one) => one !== undefined);
  assert.deepEqual(said.map((words) => words.slice(0, 22)), [
    "Rate limit reached",
    "Provider is overloaded",
    "secondary rate limit",
    "You exceeded your curr",
    "Rate limit exceeded",
    "Too many requests",
    "Overloaded",
  ]);
  for (const error of [...FAILURES, ...HOPELESS.map(([error]) => error)]) {
    assert.equal(limitSaid(error), undefined, error.message);
  }
});

Deno.test("everything else is a failure of the turn, words of limits in it or not", () => {
  for (const error of FAILURES) {
    assert.deepEqual(classifyError(error), { kind: "failure" }, error.message);
  }
});
