/** What is told of a session, event by event. */
import assert from "node:assert/strict";
import type { LoopEvent } from "../../../src/loop/event.ts";
import type { Span } from "../../../src/telemetry/model.ts";
import { sessionSpans } from "../../../src/telemetry/session_spans.ts";

const USAGE = {
  inputTokens: 100,
  outputTokens: 20,
  reasoningTokens: 5,
  cacheReadTokens: 50,
  cacheWriteTokens: 0,
  costUsd: 0.5,
  derivedCostUsd: 0.25,
  modelCalls: 2,
  unpricedCalls: 0,
  uncountedCalls: 0,
};
const SECRET = "/home/me/secret";
const ABOUT = {
  task: "one",
  session: 3,
  startedAt: "2026-01-01T00:00:00.000Z",
  taskDir: SECRET,
  provider: "fake",
  model: "ok",
  agent: "build",
};
const tool = (status: "running" | "completed" | "error", title = SECRET) =>
  ({ type: "tool", tool: "bash", title, status, refused: false, subagent: false }) as const;
const gate = (name: string, passed: boolean, durationMs: number) =>
  ({ type: "gate", name, passed, flaky: false, why: SECRET, durationMs }) as const;

/** One iteration with a call of a tool, two gates and a refusal, by the second. */
const EVENTS: readonly [number, LoopEvent][] = [
  [0, {
    ...{ type: "session_started", session: 3, task: "one", server: SECRET, maxIterations: 9 },
    ...{ changes: [], warnings: [], log: SECRET },
  }],
  [1, {
    ...{ type: "iteration_started", number: 1, maxIterations: 9, story: "US-1", title: SECRET },
    ...{ storiesOpen: 1, storiesTotal: 1 },
  }],
  [2, { type: "opencode_session", id: "ses_1" }],
  [3, {
    type: "activity",
    kind: "rate_limited",
    text: "rate limited until 14:02 UTC",
    until: "2026-01-01T14:02:00Z",
  }],
  [4, tool("running")],
  [5, tool("running")],
  [6, tool("completed")],
  [7, tool("error")],
  [8, { type: "used", modelCalls: 2, tokens: 175, costUsd: 0.5, model: "fake/ok-2" }],
  [8, { type: "text", text: SECRET, subagent: false }],
  [20, gate("test", true, 4_000)],
  [20, gate("KEY=secret make lint", false, 1_000)],
  [20, { type: "claim", story: "US-1", held: false, why: SECRET }],
  [21, {
    ...{ type: "iteration_ended", number: 1, outcome: "worked", detail: SECRET },
    ...{ storiesPassed: [], commits: 1, filesChanged: null, usage: USAGE, durationMs: 20_000 },
  }],
  [22, {
    ...{ type: "session_ended", session: 3, task: "one", status: "failed", detail: SECRET },
    ...{ reason: "provider_error", iterations: 1, usage: USAGE, durationMs: 1, workedMs: 1 },
    ...{ gates: [], claimsTakenBack: 1, left: [SECRET] },
  }],
];

function told(events = EVENTS) {
  let ids = 0;
  const spans = sessionSpans(ABOUT, { spanId: () => `${ids++}`, now: 0 });
  for (const [second, event] of events) spans.see(event, second * 1_000);
  spans.close(30_000);
  const all = spans.take();
  return { all, metrics: spans.metrics() };
}

const shape = (all: readonly Span[]) =>
  all.map(({ name, parentSpanId, startMs, endMs, error }) => [
    name,
    all.find(({ spanId }) => spanId === parentSpanId)?.name,
    startMs / 1_000,
    endMs / 1_000,
    error,
  ]);

Deno.test("a session is a trace of iterations, turns, tools and gates", () => {
  assert.deepEqual(shape(told().all), [
    ["execute_tool bash", "invoke_agent OpenCode", 4, 6, undefined],
    ["execute_tool bash", "invoke_agent OpenCode", 5, 7, "tool_error"],
    ["gate", "iteration", 19, 20, "gate_failed"],
    ["gate", "iteration", 15, 19, undefined],
    ["invoke_agent OpenCode", "iteration", 2, 15, undefined],
    ["iteration", "session", 1, 21, undefined],
    ["session", undefined, 0, 22, "provider_error"],
  ]);
});

Deno.test("a turn says model, tokens and cost, as the conventions name them", () => {
  const turn = told().all.find(({ name }) => name.startsWith("invoke_agent"));
  assert.equal(turn?.kind, "client");
  assert.deepEqual(turn?.attributes, {
    "ralph.task": "one",
    "ralph.session.id": 3,
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": "build",
    "gen_ai.conversation.id": "ses_1",
    "gen_ai.provider.name": "fake",
    "gen_ai.request.model": "ok",
    "gen_ai.response.model": "ok-2",
    "gen_ai.usage.input_tokens": 150,
    "gen_ai.usage.output_tokens": 25,
    "gen_ai.usage.cache_read.input_tokens": 50,
    "gen_ai.usage.cache_creation.input_tokens": 0,
    "ralph.model_calls": 2,
    "ralph.model_calls.unpriced": 0,
    "ralph.cost.usd": 0.75,
    "error.type": undefined,
  });
});

Deno.test("stories, cost, retries and tokens are counted", () => {
  const { metrics } = told();
  const sums = Object.fromEntries(metrics.sums.map(({ name, value }) => [name, value]));
  assert.deepEqual(sums, {
    "ralph.retries": 1,
    "ralph.gates": 1,
    "ralph.claims.taken_back": 1,
    "ralph.iterations": 1,
    "ralph.stories.passed": 0,
    "ralph.cost": 0.75,
    "ralph.sessions": 1,
  });
  assert.deepEqual(
    metrics.histograms.map(({ sum, attributes }) => [attributes["gen_ai.token.type"], sum]),
    [["input", 150], ["output", 25]],
  );
});

Deno.test("nothing that anybody wrote, and no path, is told", () => {
  assert.doesNotMatch(JSON.stringify(told()), /secret/);
});

Deno.test("a worker that ends in mid-turn closes what is open, and the next has the same trace", () => {
  const half = told(EVENTS.slice(0, 5)).all;
  assert.deepEqual(shape(half).map(([name, , , , error]) => [name, error]), [
    ["execute_tool bash", "interrupted"],
    ["invoke_agent OpenCode", "interrupted"],
    ["iteration", "interrupted"],
    ["session", "interrupted"],
  ]);
  assert.equal(half[0].traceId, told().all[0].traceId);
  assert.match(half[0].traceId, /^[0-9a-f]{32}$/);
});
