/** What real servers send (recorded from 1.1.53 and 1.18.33, shortened), in ralph's terms. */
import assert from "node:assert/strict";
import type { AgentEvent } from "../../../src/opencode/model.ts";
import { explain } from "../../../src/opencode/reply.ts";
import { createEventDecoder, notesToolsLate, replies } from "../../../src/opencode/v1/schema.ts";

const SESSION = "ses_e05673d45ffewdoMlMOwhQeEwP";
const MESSAGE = "msg_1fa98c641001hN39KSt3fHU5R1";
const PART = "prt_1fa98c65f001l5lbiiD0wi1ZW0";

const ids = { id: PART, sessionID: SESSION, messageID: MESSAGE };
const tokens = {
  total: 1050,
  input: 800,
  output: 40,
  reasoning: 10,
  cache: { read: 200, write: 0 },
};
const assistant = {
  id: MESSAGE,
  sessionID: SESSION,
  role: "assistant",
  time: { created: 1 },
  cost: 0.00321,
  tokens,
};

/** What a decoder makes of each event in turn. */
function decodeAll(events: readonly object[]): (AgentEvent | undefined)[] {
  const decode = createEventDecoder();
  return events.map((event) => decode(JSON.stringify(event)).at(0));
}
const decode = (event: object) => decodeAll([event])[0];

const text = { sessionId: SESSION, messageId: MESSAGE, partId: PART, kind: "text" };

Deno.test("1.1.53 sends a growing text as parts with a delta", () => {
  const part = { ...ids, type: "text" };
  const updated = (properties: object) => ({ type: "message.part.updated", properties });
  assert.deepEqual(
    decodeAll([
      updated({ part: { ...part, text: "DO", time: { start: 5 } }, delta: "DO" }),
      updated({ part: { ...part, text: "DONE", time: { start: 5 } }, delta: "NE" }),
      updated({ part: { ...part, text: "DONE", time: { start: 5, end: 6 } } }),
    ]),
    [
      { type: "text", ...text, text: "DO", delta: "DO", done: false },
      { type: "text", ...text, text: "DONE", delta: "NE", done: false },
      { type: "text", ...text, text: "DONE", delta: undefined, done: true },
    ],
  );
});

Deno.test("1.18.33 sends deltas that name their part alone", () => {
  const part = { ...ids, type: "reasoning" };
  const updated = (part: object) => ({
    id: "evt_1",
    type: "message.part.updated",
    properties: { sessionID: SESSION, part, time: 1 },
  });
  const delta = (field: string) => ({
    id: "evt_2",
    type: "message.part.delta",
    properties: { sessionID: SESSION, messageID: MESSAGE, partID: PART, field, delta: "hm" },
  });
  const decoded = decodeAll([
    delta("text"), // of a part whose beginning was missed
    updated({ ...part, text: "", time: { start: 5 } }),
    delta("text"),
    delta("other"),
    updated({ ...part, text: "hm", time: { start: 5, end: 6 } }),
    delta("text"),
  ]);
  const thinking = { ...text, kind: "reasoning" };
  assert.deepEqual(decoded, [
    undefined,
    { type: "text", ...thinking, text: "", delta: undefined, done: false },
    { type: "text", ...thinking, delta: "hm", done: false },
    undefined,
    { type: "text", ...thinking, text: "hm", delta: undefined, done: true },
    undefined,
  ]);
});

Deno.test("the prompt's own text, and text that the server added, are not the agent's", () => {
  for (
    const own of [{}, { time: { start: 1 }, synthetic: true }, {
      time: { start: 1 },
      ignored: true,
    }]
  ) {
    const part = { ...ids, type: "text", text: "prompt", ...own };
    assert.equal(decode({ type: "message.part.updated", properties: { part } }), undefined);
  }
});

Deno.test("tool parts tell the call, its state and its input", () => {
  const part = { ...ids, type: "tool", callID: "call_1", tool: "bash" };
  const state = { status: "running", input: { command: "ls" }, time: { start: 1 } };
  const event = decode({ type: "message.part.updated", properties: { part: { ...part, state } } });
  assert.deepEqual(event, {
    type: "tool",
    sessionId: SESSION,
    callId: "call_1",
    tool: "bash",
    status: "running",
    title: "",
    input: { command: "ls" },
    error: undefined,
    refused: false,
  });
});

Deno.test("a command's exit code is in its part, as a number or not at all", () => {
  const exitCode = (metadata: unknown) => {
    const state = { status: "completed", input: {}, metadata, time: { start: 1, end: 2 } };
    const part = { ...ids, type: "tool", callID: "call_1", tool: "bash", state };
    const event = decode({ type: "message.part.updated", properties: { part } });
    return event?.type === "tool" ? event.exitCode : "no tool";
  };
  assert.equal(exitCode({ output: "x", exit: 2 }), 2);
  assert.equal(exitCode({ exit: 0 }), 0);
  for (const none of [undefined, null, {}, { exit: null }, { exit: "2" }, "x"]) {
    assert.equal(exitCode(none), undefined);
  }
});

Deno.test("status, idle, errors and sessions", () => {
  const status = (status: object) =>
    decode({ type: "session.status", properties: { sessionID: SESSION, status } });
  assert.deepEqual(status({ type: "idle" }), { type: "idle", sessionId: SESSION });
  assert.deepEqual(status({ type: "busy" }), {
    type: "busy",
    sessionId: SESSION,
    busy: { type: "busy" },
  });
  assert.deepEqual(status({ type: "retry", attempt: 2, message: "slow down", next: 99 }), {
    type: "busy",
    sessionId: SESSION,
    busy: { type: "retry", attempt: 2, message: "slow down", nextAt: 99 },
  });
  assert.deepEqual(status({ type: "from the future" }), {
    type: "busy",
    sessionId: SESSION,
    busy: { type: "busy" },
  });
  const error = { name: "APIError", data: { message: "no", statusCode: 402, isRetryable: false } };
  assert.deepEqual(decode({ type: "session.error", properties: { sessionID: SESSION, error } }), {
    type: "error",
    sessionId: SESSION,
    error: {
      name: "APIError",
      message: "no",
      statusCode: 402,
      retryable: false,
      retryAt: undefined,
    },
  });
  const child = {
    id: "ses_c",
    title: "sub",
    directory: "/p",
    parentID: SESSION,
    time: { created: 7 },
  };
  assert.deepEqual(decode({ type: "session.created", properties: { info: child } }), {
    type: "session",
    session: { id: "ses_c", title: "sub", directory: "/p", parentId: SESSION, createdAt: 7 },
  });
});

Deno.test("messages: null stands for absent, and the text leaves out what is not the agent's", () => {
  const [user, answer] = replies.messages.parse([
    {
      info: { id: "msg_1", sessionID: SESSION, role: "user", time: { created: 1 } },
      parts: [{ type: "text", text: "go" }],
    },
    {
      info: { ...assistant, time: { created: 1, completed: 2 }, finish: "stop", error: null },
      parts: [
        { type: "step-start", snapshot: "x" },
        { type: "reasoning", text: "<promise>COMPLETE</promise>" },
        { type: "text", text: "one" },
        { type: "tool", tool: "bash", state: { output: "<promise>COMPLETE</promise>" } },
        {
          type: "tool",
          tool: "read",
          state: { input: { filePath: "a" }, time: { start: 3, end: 4 } },
        },
        { type: "tool", tool: "bash", state: { time: { start: 5 } } },
        {
          type: "tool",
          tool: "bash",
          state: {
            status: "error",
            time: { start: 6, end: 7 },
            input: { command: "git push" },
            error: "Error: The user has specified a rule which prevents you from using this " +
              "specific tool call. Here are some of the relevant rules []",
          },
        },
        { type: "text", text: "added", synthetic: true },
        { type: "text", text: "hidden", ignored: true },
        { type: "text", text: "two" },
      ],
    },
  ]);
  assert.equal(user?.text, "go");
  assert.equal(user?.costUsd, 0);
  assert.deepEqual(answer, {
    id: MESSAGE,
    sessionId: SESSION,
    role: "assistant",
    completedAt: 2,
    finish: "stop",
    error: undefined,
    tokens: {
      inputTokens: 800,
      outputTokens: 40,
      reasoningTokens: 10,
      cacheReadTokens: 200,
      cacheWriteTokens: 0,
    },
    costUsd: 0.00321,
    text: "one\ntwo",
    compaction: undefined,
    model: undefined,
    toolRuns: [
      { tool: "read", input: { filePath: "a" }, start: 3, end: 4 },
      { tool: "bash", input: {}, start: 5, end: undefined },
      {
        tool: "bash",
        input: { command: "git push" },
        start: 6,
        end: 7,
        refused: true,
        failed: true,
      },
    ],
  });
});

Deno.test("a tool that may have run while the server took its snapshot began with its step", () => {
  const tool = (start: number) => ({
    type: "tool",
    tool: "bash",
    state: { time: { start, end: start + 10 } },
  });
  const from = (reply: typeof replies.messages, parts: object[]) =>
    reply.parse([{ info: { ...assistant, time: { created: 1_000 } }, parts }])[0]
      .toolRuns.map(({ start }) => start);
  const starts = (...parts: object[]) => from(replies.messagesNotedLate, parts);
  const three = [tool(4_700), tool(4_800), tool(9_000)];
  assert.deepEqual(starts(...three), [1_000, 1_000, 9_000]);
  assert.deepEqual(from(replies.messages, three), [4_700, 4_800, 9_000], "noted in time");
  const text = { type: "text", text: "I begin.", time: { start: 4_600, end: 4_601 } };
  assert.deepEqual(starts(text, tool(4_700)), [1_000], "noted with what came first");
  assert.deepEqual(starts(text, tool(8_000)), [8_000], "the snapshot was over");
});

Deno.test("which servers note a tool only after their snapshot", () => {
  const late = ["1.1.53", "1.17.20", "1.18.33", "1.19.0", "2.0.0", "local"].map(notesToolsLate);
  assert.deepEqual(late, [true, true, false, false, false, false]);
});

/** An answer of the agent with these facts. */
const answerOf = (info: object) =>
  replies.messages.parse([{ info: { ...assistant, ...info }, parts: [] }])[0];

Deno.test("reasoning is counted once, whether the server has it among the output or not", () => {
  const cache = { read: 200, write: 0 };
  const cases: [object, number][] = [
    [{ total: 1050, input: 800, output: 40, reasoning: 10, cache }, 40], // 1.18.33
    [{ input: 800, output: 50, reasoning: 10, cache }, 40], // 1.1.53
    [{ total: 1050, input: 800, output: 50, reasoning: 10, cache }, 40], // 1.2
    [{ input: 800, output: 10, reasoning: 50, cache }, 10], // counted apart: nothing else can be
    [{ input: 800, output: 50, reasoning: 0, cache }, 50],
  ];
  for (const [tokens, output] of cases) {
    assert.equal(answerOf({ tokens }).tokens.outputTokens, output, JSON.stringify(tokens));
  }
});

Deno.test("when a provider wants to be asked again is a time, whatever form it has", () => {
  const completed = Date.UTC(2026, 0, 1, 12);
  const retryAt = (responseHeaders: object) => {
    const data = { message: "slow down", statusCode: 429, isRetryable: true, responseHeaders };
    const error = { name: "APIError", data };
    return answerOf({ error, time: { created: 1, completed } }).error?.retryAt;
  };
  const cases: [object, number | undefined][] = [
    [{ "retry-after": "7200" }, completed + 7_200_000],
    [{ "retry-after-ms": "1500", "retry-after": "9" }, completed + 1_500],
    [{ "retry-after": "Thu, 01 Jan 2026 14:00:00 GMT" }, Date.UTC(2026, 0, 1, 14)],
    [{ "retry-after": "1e300" }, Date.UTC(9999, 0)],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "" }, undefined],
    [{}, undefined],
    [{ "retry-after": 7 }, undefined], // not what a header is
  ];
  for (const [headers, at] of cases) assert.equal(retryAt(headers), at, JSON.stringify(headers));
});

Deno.test("the message of a compaction is told as such", () => {
  assert.equal(answerOf({ summary: true }).compaction, true);
  for (const summary of [undefined, null, false, { diffs: [] }]) {
    assert.equal(answerOf({ summary }).compaction, undefined);
  }
});

Deno.test("an answer without its tokens is not taken for one without cost", () => {
  const { tokens: _, ...info } = assistant;
  const result = replies.messages.safeParse([{ info, parts: [] }]);
  assert.equal(result.success, false);
  assert.match(explain(result.error), /`0\.info\.tokens`/);
});

Deno.test("permissions and questions, as listed and as announced", () => {
  const asked = {
    id: "per_1",
    sessionID: SESSION,
    permission: "doom_loop",
    patterns: ["bash"],
    metadata: {},
    always: ["bash"],
    tool: null, // 1.18.33 lists it so
  };
  const request = { id: "per_1", sessionId: SESSION, permission: "doom_loop", patterns: ["bash"] };
  assert.deepEqual(replies.permissions.parse([asked]), [request]);
  assert.deepEqual(decode({ type: "permission.asked", properties: asked }), {
    type: "permission",
    request,
  });
  const question = {
    id: "que_1",
    sessionID: SESSION,
    questions: [{
      question: "Which?",
      header: "Pick",
      options: [{ label: "A", description: "a" }],
    }],
  };
  assert.deepEqual(replies.questions.parse([question]), [{
    id: "que_1",
    sessionId: SESSION,
    questions: [{ header: "Pick", question: "Which?", options: ["A"] }],
  }]);
});

Deno.test("what the server lists as idle is not busy", () => {
  const busy = replies.statuses.parse({ ses_a: { type: "idle" }, ses_b: { type: "busy" } });
  assert.deepEqual([...busy], [["ses_b", { type: "busy" }]]);
});

Deno.test("events that ralph does not use are passed over, broken ones are not", () => {
  for (const type of ["server.heartbeat", "session.diff", "plugin.added", "todo.updated"]) {
    assert.equal(decode({ type, properties: { anything: 1 } }), undefined);
  }
  assert.throws(() => decode({ type: "session.idle", properties: {} }));
  assert.throws(() => decode({ type: "message.updated", properties: { info: { id: "msg_1" } } }));
});
