import assert from "node:assert/strict";
import type { OpenCode } from "../../../../src/opencode/client.ts";
import type { Busy, Message } from "../../../../src/opencode/model.ts";
import { findTurn } from "../../../../src/loop/session/find_turn.ts";
import type { Iteration } from "../../../../src/store/model.ts";
import { message } from "../../../support/message.ts";

const ITERATION = { openCodeSessionId: "ses_1" } as Iteration;

function find(messages: readonly Message[], busy: readonly [string, Busy][] = []) {
  const client: Partial<OpenCode> = {
    session: (id) => Promise.resolve({ id, title: "t", directory: "/p", createdAt: 0 }),
    busy: () => Promise.resolve(new Map(busy)),
    children: () => Promise.resolve([]),
    messages: (_id, { limit = Infinity } = {}) => Promise.resolve(messages.slice(-limit)),
  };
  return findTurn(client as OpenCode, ITERATION);
}

Deno.test("how far an agent is, whatever a person said last", async () => {
  const prompt = message({ role: "user", text: "go" });
  const answer = message({ text: "done", completedAt: 1, finish: "stop" });
  const words = message({ role: "user", text: "use the blue one" });
  const there = { kind: "there", sessionId: "ses_1", busy: false } as const;
  assert.deepEqual(await find([prompt, answer, words]), { ...there, last: answer });
  assert.deepEqual(await find([prompt]), { ...there, last: prompt });
  const atWork = await find([prompt, answer, words], [["ses_1", { type: "busy" }]]);
  assert.deepEqual(atWork, { ...there, busy: true, last: words });
});
