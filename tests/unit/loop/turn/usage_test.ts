/** What a turn used, and what nobody knows of it. */
import assert from "node:assert/strict";
import { readUsage } from "../../../../src/loop/turn/usage.ts";
import { OpenCodeError } from "../../../../src/opencode/error.ts";
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

const cutOff = message({ completedAt: 1, text: "half an ans" });

const TABLE: readonly [string, readonly Message[], unpriced: number, uncounted: number][] = [
  ["all is known", [answered, answered], 0, 0],
  ["a model without a price", [answered, unpriced], 1, 0],
  ["the last call broke off", [answered, underWay], 1, 1],
  ["the first one was aborted", [aborted], 1, 1],
  ["an answer was cut off, and nobody counted it", [cutOff], 1, 1],
  ["an error cut it off", [{ ...cutOff, error: { name: "APIError", message: "no" } }], 1, 1],
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

/** What the server counted of the session and of its sub-agent's, in dollars; its messages say 0.5 each. */
const COUNTED: readonly [string, own?: number, child?: number, costUsd?: number][] = [
  ["nothing, as OpenCode 1", undefined, undefined, 1],
  ["as much as the messages say", 0.5, 0.5, 1],
  ["a title beside them", 0.75, 0.5, 1.25],
  ["a sub-agent's conversation that was shortened", 0.5, 2.5, 3],
  ["no price", 0, 0, 1],
];

for (const [what, own, child, costUsd] of COUNTED) {
  Deno.test(`what the server counted: ${what}`, async () => {
    const ofChild = { ...answered, sessionId: "ses_child" };
    const client = {
      messages: (id: string) => Promise.resolve([id === "ses_1" ? answered : ofChild]),
      children: (id: string) =>
        Promise.resolve(
          id === "ses_1" ? [{ id: "ses_child", title: "", directory: "/p", createdAt: 0 }] : [],
        ),
      sessionUse: (id: string) => {
        const cost = id === "ses_1" ? own : child;
        return Promise.resolve(cost === undefined ? undefined : { costUsd: cost, tokens: TOKENS });
      },
    };
    const { usage } = await readUsage(client, { sessionId: "ses_1" });
    assert.deepEqual([usage.costUsd, usage.modelCalls, usage.inputTokens], [costUsd, 2, 2_000]);
  });
}

Deno.test("where the server's count cannot be read, what was used is unknown", async () => {
  const client = {
    messages: () => Promise.resolve([answered]),
    children: () => Promise.resolve([]),
    sessionUse: () => Promise.reject(new OpenCodeError("timeout", "no answer")),
  };
  assert.equal((await readUsage(client, { sessionId: "ses_1" })).usage.complete, false);
});
