/** What the errors of OpenCode 2 mean: every type that its source has (build of July 2026). */
import assert from "node:assert/strict";
import { classifyError } from "../../../src/loop/provider/error_class.ts";
import { serverCommands } from "../../../src/opencode/commands.ts";
import { errorOf } from "../../../src/opencode/v2/schema.ts";

const COMMANDS = serverCommands({ generation: 2, url: "http://127.0.0.1:14096" });

const TABLE: readonly [type: string, message: string, means: string, todo?: RegExp][] = [
  ["provider.rate-limit", "Provider request failed with HTTP 429: {}", "refused"],
  ["provider.rate-limit", "slow down", "refused"],
  ["provider.internal", "Provider request failed with HTTP 503: {}", "refused"],
  ["provider.internal", "overloaded_error: Overloaded", "refused"],
  ["provider.transport", "Failed to connect", "refused"],
  ["provider.invalid-output", "Provider stream ended without a terminal finish event", "refused"],
  ["provider.invalid-output", "Invalid fake/openai-compatible-chat stream event", "refused"],
  ["provider.invalid-output", "Failed to read fake/openai-compatible-chat stream", "refused"],
  ["provider.invalid-output", "Provider emitted text-delta after the terminal event", "refused"],
  ["provider.unknown", "Provider returned error", "refused"],
  ["provider.unknown", "502: something went wrong", "refused"],
  ["provider.unknown", "[object Object]", "refused"],
  ["provider.error", "boom", "refused"],
  ["compaction.failed", "Compaction produced no summary", "refused"],
  ["tool.result-missing", "Provider did not return a tool result", "refused"],
  ["provider.auth", "Provider request failed with HTTP 401: {}", "hopeless", /log in again/],
  ["provider.auth", "expired", "hopeless", /log in again/],
  ["provider.unknown", "Incorrect API key provided: sk-xx", "hopeless", /log in again/],
  ["provider.unknown", "Provider request failed with HTTP 402: {}", "hopeless", /pay/],
  ["provider.quota", "insufficient_quota: no", "hopeless", /pay/],
  ["provider.no-route", "Model unavailable: fake/nope", "hopeless", /models/],
  ["provider.no-route", "Variant unavailable for fake/ok: high", "hopeless", /models/],
  ["provider.no-route", "Unsupported package for fake/ok: aisdk:x", "hopeless", /models/],
  ["provider.no-route", "No LLM route for fake/ok using chat", "hopeless", /models/],
  ["unknown", 'Agent not found: "nope"', "hopeless", /agent/],
  ["provider.no-route", "No model is available for session ses_1", "failure"],
  ["provider.invalid-request", "Provider request failed with HTTP 400: {}", "failure"],
  ["provider.unknown", "Provider request failed with HTTP 418: {}", "failure"],
  ["provider.content-filter", "Provider blocked the response", "failure"],
  ["compaction.unavailable", "Nothing to compact yet", "failure"],
  ["compaction.interrupted", "Compaction was interrupted", "failure"],
  ["permission.rejected", "no", "failure"],
  ["tool.unknown", "Unknown tool: x", "failure"],
  ["tool.execution", "ENOENT", "failure"],
  ["aborted", "Step interrupted", "failure"],
  ["unknown", "boom", "failure"],
];

for (const [type, message, means, todo] of TABLE) {
  Deno.test(`opencode 2: ${type}: ${message}`, () => {
    const errorClass = classifyError(errorOf({ type, message }));
    assert.equal(errorClass.kind, means);
    if (!todo) return;
    assert.match(errorClass.kind === "hopeless" ? errorClass.todo?.(COMMANDS) ?? "" : "", todo);
  });
}
