import assert from "node:assert/strict";
import type { OpenCode } from "../../../../src/opencode/client.ts";
import { OpenCodeError } from "../../../../src/opencode/error.ts";
import type { Message } from "../../../../src/opencode/model.ts";
import { createSteering, type Steer, unansweredOf } from "../../../../src/loop/turn/steering.ts";
import type { FoundEnd } from "../../../../src/loop/turn/turn_end.ts";
import { message } from "../../../support/message.ts";

const user = (text: string) => message({ role: "user", text });
const agent = (text: string, finish = "stop") => message({ text, finish, completedAt: 1 });
const ONE: Steer = { id: 1, text: "one" };
const TWO: Steer = { id: 2, text: "two" };

Deno.test("what the agent came to", () => {
  const ids = (steers: Steer[], ...messages: Message[]) =>
    unansweredOf(steers, messages).map(({ id }) => id);
  const prompt = user("go");
  assert.deepEqual(ids([ONE], prompt, agent("a")), [1], "it never arrived");
  assert.deepEqual(ids([ONE], prompt, agent("a"), user("one")), [1], "nothing comes after it");
  assert.deepEqual(ids([ONE], prompt, agent("a"), user("one"), agent("b")), []);
  const between = [prompt, user("one"), agent("a"), user("two")];
  assert.deepEqual(ids([ONE, TWO], ...between), [2]);
  const same: Steer = { id: 3, text: "one" };
  assert.deepEqual(ids([ONE, same], prompt, user("one"), agent("a")), [3], "the same words, once");
});

interface Case {
  messages?: Message[];
  found: FoundEnd;
  lateMs?: number;
}

async function settle({ messages, found, lateMs = 0 }: Case) {
  let now = 0;
  const steering = createSteering({
    client: {
      messages: () =>
        messages
          ? Promise.resolve(messages)
          : Promise.reject(new OpenCodeError("unreachable", "gone")),
    } as unknown as OpenCode,
    clock: { now: () => now, monotonic: () => now, after: () => () => {} },
    sessionId: "ses_1",
    steers: { earlier: [], take: () => [ONE], giveBack() {}, send: () => Promise.resolve() },
  });
  await steering.hand();
  now += lateMs;
  return { settled: await steering.settle(found), unanswered: await steering.unanswered() };
}

const finished: FoundEnd = { ending: { kind: "finished", last: agent("a") } };
const brokeOff: FoundEnd = { ending: { kind: "interrupted", why: "it did not go on" } };

Deno.test("a turn has not ended before the words that it was handed are answered", async () => {
  const arrived = [user("go"), agent("a"), user("one")];
  const answered = [...arrived, agent("b")];
  assert.equal((await settle({ messages: answered, found: finished })).settled, finished);
  assert.equal(
    (await settle({ messages: [user("go"), agent("a")], found: finished })).settled,
    undefined,
  );
  assert.equal(
    (await settle({ found: finished })).settled,
    undefined,
    "the server does not answer",
  );
});

Deno.test("words that the server never comes to do not hold the turn for ever", async () => {
  const lost = await settle({
    messages: [user("go"), agent("a")],
    found: finished,
    lateMs: 16_000,
  });
  assert.deepEqual(lost.settled, { ...finished, leavesJobs: true }, "what comes late is aborted");
  assert.deepEqual(lost.unanswered, [1]);
  // 1.1.53 at the very end of a turn (measured).
  const last = agent("a");
  const stuck = await settle({ messages: [user("go"), last, user("one")], found: brokeOff });
  assert.deepEqual(stuck.settled, { ending: { kind: "finished", last }, leavesJobs: true });
  assert.deepEqual(stuck.unanswered, [1]);
  assert.equal((await settle({ found: finished, lateMs: 16_000 })).settled, finished);
});

Deno.test("a turn that broke off in its middle stays that, and so does one over its limits", async () => {
  const middle = [user("go"), agent("a", "tool-calls"), user("one")];
  assert.equal((await settle({ messages: middle, found: brokeOff })).settled, brokeOff);
  const over: FoundEnd = { ending: { kind: "timeout", limit: "turn", why: "too long" } };
  assert.equal((await settle({ messages: middle, found: over })).settled, over);
});

Deno.test("what the server declines is given back, and nothing more is tried in that turn", async () => {
  const given: string[] = [];
  let taken = 0;
  const steering = createSteering({
    client: {} as OpenCode,
    clock: { now: () => 0, monotonic: () => 0, after: () => () => {} },
    sessionId: "ses_1",
    steers: {
      earlier: [],
      take: () => [[ONE], [TWO]][taken++] ?? [],
      giveBack: ({ id }, why) => given.push(`${id}: ${why}`),
      send: () => Promise.reject(new OpenCodeError("refused", "no")),
    },
  });
  await steering.hand();
  await steering.hand();
  assert.deepEqual([given, taken], [["1: no"], 1]);
  assert.deepEqual(await steering.unanswered(), []);
});
