/** What a turn used, and what nobody knows of it. */
import assert from "node:assert/strict";
import { readUsage } from "../../../../src/loop/turn/usage.ts";
import type { Message } from "../../../../src/opencode/model.ts";
import { message } from "../../../support/message.ts";

const TOKENS = {
  inputTokens: 1_000,
  outputTokens: 50,
  reasoningTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
};
const answered = message({ completedAt: 1, tokens: TOKENS, costUsd: 0.5 });
const unpriced = message({ completedAt: 1, tokens: TOKENS });
const underWay = message({});
const aborted = message({ error: { name: "MessageAbortedError", message: "aborted" } });
const refused = message({ error: { name: "APIError", message: "no" } });

const TABLE: readonly [string, readonly Message[], unpriced: number, uncounted: number][] = [
  ["all is known", [answered, answered], 0, 0],
  ["a model without a price", [answered, unpriced], 1, 0],
  ["the last call broke off", [answered, underWay], 1, 1],
  ["the first one was aborted", [aborted], 1, 1],
  ["the provider refused it, and takes nothing for that", [refused], 0, 0],
];

for (const [what, messages, unpricedCalls, uncountedCalls] of TABLE) {
  Deno.test(`what a turn used: ${what}`, async () => {
    const client = {
      messages: () => Promise.resolve([...messages]),
      children: () => Promise.resolve([]),
      sessionUse: () => Promise.resolve(undefined),
    };
    const { usage } = await readUsage(client, { sessionId: "ses_1" });
    assert.deepEqual(
      [usage.modelCalls, usage.unpricedCalls, usage.uncountedCalls, usage.complete],
      [messages.length, unpricedCalls, uncountedCalls, true],
    );
  });
}
