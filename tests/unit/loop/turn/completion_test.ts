import assert from "node:assert/strict";
import { turnLimits } from "../../../../src/loop/limits.ts";
import { createProgress } from "../../../../src/loop/turn/progress.ts";
import {
  assess,
  nextLookMs,
  type Snapshot,
  type TurnProgress,
} from "../../../../src/loop/turn/completion.ts";
import { costOf } from "../../../../src/loop/turn/usage.ts";
import type { Busy, Message } from "../../../../src/opencode/model.ts";
import { DEFAULT_SETTINGS } from "../../../../src/settings/settings.ts";
import { message } from "../../../support/message.ts";

const NOTHING = { costUsd: 0, tokens: 0, durationMs: 0 };
const limits = turnLimits(DEFAULT_SETTINGS.limits, NOTHING);

const fresh: TurnProgress = {
  workedMs: 0,
  quietMs: 0,
  retriedMs: 0,
  stillMs: 0,
  jobMs: 0,
  childQuietMs: Infinity,
  sawIdle: false,
  wasUnseen: false,
  serverWasGone: false,
  streamBroke: false,
  modelCalls: 0,
  compactions: 0,
  unknownFinishes: 0,
  spent: NOTHING,
};
const asked = message({ role: "user" });
const halfWritten = message({});
const done = message({ completedAt: 5, finish: "stop" });
const failed = message({ error: { name: "APIError", message: "no" } });
const busy: Busy = { type: "busy" };
const NOW = 1_000_000;

const verdict = (snapshot: Snapshot, progress: Partial<TurnProgress> = {}) =>
  assess(snapshot, { progress: { ...fresh, ...progress }, limits, now: NOW });
const kind = (snapshot: Snapshot, progress: Partial<TurnProgress> = {}) =>
  verdict(snapshot, progress).kind;

Deno.test("an end is proved by a finished message and an absent status together", () => {
  assert.equal(kind({ last: done }), "finished");
  assert.equal(kind({ last: failed }), "finished");
  assert.equal(kind({ last: done, busy }), "running");
  assert.equal(kind({ last: failed, busy }), "running");
});

Deno.test("nothing else proves it: an idle server gets its time to finish", () => {
  const seen = { sawIdle: true };
  for (const last of [undefined, asked, halfWritten]) {
    assert.equal(kind({ last }, seen), "finishing");
    assert.equal(kind({ last }, { ...seen, stillMs: limits.finishMs - 1 }), "finishing");
  }
  assert.equal(kind({ last: asked }, { stillMs: limits.startMs - 1 }), "finishing");
});

Deno.test("a message that stays half-written was interrupted", () => {
  const over = { stillMs: limits.finishMs };
  assert.deepEqual(verdict({ last: halfWritten }, over), {
    kind: "interrupted",
    why: "the agent stopped in the middle of a message",
  });
  assert.deepEqual(verdict({ last: halfWritten }, { ...over, serverWasGone: true }), {
    kind: "interrupted",
    why: "the server went away while the agent worked",
  });
  assert.deepEqual(verdict({ last: halfWritten }, { ...over, streamBroke: true }), {
    kind: "interrupted",
    why: "the server was restarted, as the end of its event stream shows, while the agent worked",
  });
});

Deno.test("a turn that its server aborted when it ended was interrupted, one that a person did is over", () => {
  const aborted = message({ completedAt: 5, error: { name: "MessageAbortedError", message: "" } });
  assert.equal(kind({ last: aborted }), "finished");
  assert.deepEqual(verdict({ last: aborted }, { serverWasGone: true }), {
    kind: "interrupted",
    why: "the server went away while the agent worked",
  });
  assert.deepEqual(verdict({ last: aborted }, { wasUnseen: true }), {
    kind: "interrupted",
    why: "the agent was interrupted",
  });
});

Deno.test("a call of tools, after which another message follows, is an end as far as nothing says otherwise", () => {
  const calls = message({ completedAt: 5, finish: "tool-calls" });
  const over = { stillMs: limits.finishMs };
  assert.equal(kind({ last: calls }), "finished");
  assert.equal(kind({ last: calls, record: { outcome: "succeeded" } }), "finished");
  assert.equal(
    kind({ last: { ...calls, error: { name: "APIError", message: "no" } } }),
    "finished",
  );
  for (const [record, gone] of [[undefined, true], [{}, true], [{}, false]] as const) {
    const progress = { serverWasGone: gone };
    assert.equal(kind({ last: calls, record }, progress), "finishing");
    assert.deepEqual(verdict({ last: calls, record }, { ...over, ...progress }), {
      kind: "interrupted",
      why: gone
        ? "the server went away while the agent worked"
        : "the agent stopped after a call of tools",
    });
  }
  assert.equal(kind({ last: calls, record: { outcome: "interrupted" } }), "interrupted");
  assert.equal(kind({ last: calls }, { wasUnseen: true }), "finishing");
});

Deno.test("a finished message is no end while a sub-agent works, nor right after it", () => {
  assert.equal(kind({ busy, last: done }, { stillMs: 60_000 }), "running");
  assert.equal(kind({ last: done }, { childQuietMs: 4_999 }), "finishing");
  assert.equal(kind({ last: done }, { childQuietMs: 5_000 }), "finished");
});

Deno.test("an agent that was woken up and does not go on was interrupted", () => {
  const woken = { last: asked };
  assert.equal(kind(woken, { modelCalls: 1, stillMs: limits.startMs - 1 }), "finishing");
  assert.deepEqual(verdict(woken, { modelCalls: 1, stillMs: limits.startMs }), {
    kind: "interrupted",
    why: "the agent was told to go on, and did not",
  });
});

Deno.test("a prompt without any answer is lost, with the error that was announced", () => {
  const error = { name: "UnknownError", message: "Model not found: \u001b[31mx\n  at y" };
  assert.deepEqual(verdict({ last: asked }, { stillMs: limits.finishMs, error }), {
    kind: "lost",
    why: "the agent did not start: Model not found: \\x1b[31mx\\n  at y",
    said: "Model not found: \\x1b[31mx\\n  at y",
  });
  assert.equal(kind({}, { stillMs: limits.finishMs, sawIdle: true }), "lost");
  assert.equal(kind({}, { stillMs: limits.startMs }), "lost");
});

Deno.test("a prompt without any answer was interrupted when the server was gone meanwhile", () => {
  const error = { name: "UnknownError", message: "Model not found" };
  for (const gone of [{ serverWasGone: true }, { streamBroke: true }]) {
    for (const last of [undefined, asked]) {
      const over = { ...gone, stillMs: limits.startMs };
      assert.equal(kind({ last }, { ...over, stillMs: limits.startMs - 1 }), "finishing");
      assert.equal(kind({ last }, over), "interrupted");
      assert.equal(kind({ last }, { ...over, error }), "lost", "it is known why");
    }
  }
});

Deno.test("each limit ends a turn that is said to work, and only that", () => {
  const exceeded: [Partial<TurnProgress>, string][] = [
    [{ workedMs: limits.turnMs + 1 }, "turn"],
    [{ quietMs: limits.silenceMs + 1 }, "silence"],
    [{ modelCalls: limits.modelCalls + 1 }, "model_calls"],
    [{ compactions: limits.compactions + 1 }, "compactions"],
    [{ unknownFinishes: limits.unknownFinishes }, "unknown_finishes"],
  ];
  for (const [progress, limit] of exceeded) {
    const end = verdict({ busy, last: halfWritten }, progress);
    assert.equal(end.kind === "timeout" && end.limit, limit);
    assert.equal(kind({ last: done }, progress), "finished", limit);
  }
});

Deno.test("what is left of the session's limits ends a turn, also while the provider refuses", () => {
  const retry: Busy = { type: "retry", attempt: 1, message: "slow", nextAt: NOW };
  const used = { costUsd: 1, tokens: 10, durationMs: 100 };
  const cases: [Partial<typeof used>, RegExp | undefined][] = [
    [{}, undefined],
    [{ costUsd: 1.01, tokens: 11, durationMs: 101 }, undefined],
    [{ costUsd: 1 }, /cost/],
    [{ tokens: 10 }, /tokens/],
    [{ durationMs: 100 }, /time/],
  ];
  for (const [left, why] of cases) {
    for (const now of [busy, retry]) {
      const progress = { ...fresh, spent: used };
      const end = assess({ busy: now }, { progress, limits: { ...limits, left }, now: NOW });
      assert.equal(end.kind === "timeout" ? end.limit : end.kind, why ? "session" : "running");
      if (end.kind === "timeout") assert.match(end.why, why ?? /^never$/);
    }
  }
  const { left } = turnLimits(
    { ...DEFAULT_SETTINGS.limits, costUsd: 3, tokens: 5 },
    { costUsd: 1, tokens: 9, durationMs: 1 },
  );
  assert.deepEqual(left, { costUsd: 2, tokens: 0, durationMs: undefined });
});

Deno.test("a provider's refusal is waited out, unless that takes too long", () => {
  const retry = (nextAt: number): Busy => ({ type: "retry", attempt: 1, message: "slow", nextAt });
  const long = { workedMs: limits.turnMs + 1, quietMs: limits.silenceMs + 1 };
  assert.equal(kind({ busy: retry(NOW + 3_600_000) }, long), "running");
  const end = verdict({ busy: retry(NOW + limits.retryMs + 1) });
  assert.deepEqual(end, {
    kind: "timeout",
    limit: "provider",
    why: "the provider was to be asked again at 06:17 UTC, which is too late: slow",
  });
  const doubled = verdict(
    { busy: retry(NOW + limits.retryMs * 0.6) },
    { retriedMs: limits.retryMs * 0.6 },
  );
  assert.equal(
    doubled.kind === "timeout" && doubled.limit,
    "retries",
    "the time is OpenCode's own",
  );
  assert.equal(kind({ busy: retry(NOW) }, { retriedMs: limits.retryMs + 1 }), "timeout");
  assert.equal(kind({ busy: retry(0) }, { retriedMs: limits.retryMs }), "running");
});

Deno.test("a provider that wants to be paid first is not waited for", () => {
  const refusing = (message: string): Busy => ({ type: "retry", attempt: 1, message, nextAt: NOW });
  assert.deepEqual(verdict({ busy: refusing("Insufficient credits \x1b[31m") }), {
    kind: "timeout",
    limit: "provider",
    why: "the provider wants to be paid first: Insufficient credits \\x1b[31m",
  });
  const google = "You exceeded your current quota, see https://ai.google.dev. Retry in 36 s.";
  assert.equal(kind({ busy: refusing(google) }), "running");
});

Deno.test("after an announced end ralph looks often, then less so", () => {
  const settling = { kind: "finishing" } as const;
  const waits = [0, 200, 1_000].map((stillMs) => nextLookMs(settling, { stillMs, sawIdle: true }));
  assert.deepEqual(waits, [20, 100, 500]);
  assert.equal(nextLookMs(settling, { stillMs: 0, sawIdle: false }), 2_000);
  assert.equal(nextLookMs({ kind: "running" }, { stillMs: 0, sawIdle: true }), 2_000);
});

Deno.test("progress: time is booked under what it was spent on", () => {
  const keeper = createProgress(0);
  keeper.spend(1_000, "working");
  keeper.spend(3_000, "working");
  assert.deepEqual([keeper.now.workedMs, keeper.now.quietMs], [3_000, 3_000]);
  keeper.see({ type: "idle", sessionId: "ses_1" }, { own: false });
  assert.deepEqual([keeper.now.quietMs, keeper.now.sawIdle], [0, false]);
  keeper.spend(5_000, "retrying");
  assert.deepEqual([keeper.now.workedMs, keeper.now.retriedMs], [3_000, 2_000]);
  keeper.spend(6_000, "server_gone");
  keeper.spend(7_000, "idle");
  keeper.spend(8_000, "idle");
  assert.equal(keeper.now.stillMs, 2_000);
  keeper.spend(9_000, "working");
  assert.deepEqual([keeper.now.stillMs, keeper.now.workedMs], [0, 4_000]);
});

Deno.test("progress: an agent that began late has its whole time to finish a message", () => {
  const keeper = createProgress(0);
  keeper.spend(5_000, "idle");
  keeper.spend(9_000, "idle");
  keeper.seeLast(asked);
  assert.equal(keeper.now.stillMs, 9_000);
  keeper.seeLast(halfWritten);
  assert.equal(verdict({ last: halfWritten }, keeper.now).kind, "finishing");
  keeper.spend(11_000, "idle");
  keeper.seeLast(halfWritten);
  assert.equal(keeper.now.stillMs, 2_000);
});

Deno.test("progress: time in which this process did not run is neither work nor silence", () => {
  const keeper = createProgress(0);
  keeper.spend(3_600_000, "working");
  assert.equal(keeper.now.quietMs, 15_000);
});

Deno.test("progress: model calls count once, unknown finishes in a row for each conversation", () => {
  const keeper = createProgress(0);
  const call = (id: string, finish: string, sessionId = "ses_1") =>
    keeper.seeMessage(message({ id, finish, sessionId, completedAt: 1 }));
  keeper.seeMessage(message({ id: "a" }));
  call("a", "unknown");
  call("a", "unknown");
  assert.deepEqual([keeper.now.modelCalls, keeper.now.unknownFinishes], [1, 1]);
  call("b", "unknown");
  call("c", "stop", "ses_child");
  call("d", "unknown");
  assert.deepEqual([keeper.now.modelCalls, keeper.now.unknownFinishes], [4, 3]);
  call("e", "tool-calls");
  assert.equal(keeper.now.unknownFinishes, 0);
  keeper.seeMessage(message({ id: "u", role: "user" }));
  assert.equal(keeper.now.modelCalls, 5);
});

Deno.test("progress: a compaction counts once, when it is finished", () => {
  const keeper = createProgress(0);
  keeper.seeMessage(message({ id: "a", compaction: true }));
  assert.equal(keeper.now.compactions, 0);
  keeper.seeMessage(message({ id: "a", compaction: true, completedAt: 1, finish: "stop" }));
  keeper.seeMessage(message({ id: "a", compaction: true, completedAt: 1, finish: "stop" }));
  keeper.seeMessage(message({ id: "b", completedAt: 2, finish: "stop" }));
  assert.deepEqual([keeper.now.compactions, keeper.now.modelCalls], [1, 2]);
});

Deno.test("progress: what is used counts once, however often a message comes", () => {
  const keeper = createProgress(0, { prices: new Map([["p/m", price]]) });
  const tokens = {
    inputTokens: 100,
    outputTokens: 10,
    reasoningTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
  };
  keeper.seeMessage(message({ id: "a", costUsd: 0.5, tokens }));
  keeper.seeMessage(message({ id: "a", costUsd: 1, tokens: { ...tokens, outputTokens: 30 } }));
  keeper.see(
    {
      type: "message",
      message: message({ id: "b", sessionId: "ses_child", tokens, model: "p/m" }),
    },
    { own: false },
  );
  keeper.spend(2_000, "retrying");
  keeper.spend(2_500, "idle");
  assert.deepEqual(keeper.now.spent, { costUsd: 1 + 0.00012, tokens: 240, durationMs: 2_500 });
});

const price = { input: 1, output: 2, cacheRead: 0.1, cacheWrite: 1.25 };

Deno.test("what a call cost is quoted, derived from the price, or unknown", () => {
  const tokens = {
    inputTokens: 1e6,
    outputTokens: 1e6,
    reasoningTokens: 1e6,
    cacheReadTokens: 1e6,
    cacheWriteTokens: 1e6,
  };
  const free = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
  const prices = new Map([["p/m", price], ["p/free", free], ["p/unknown", undefined]]);
  const cost = (fields: Partial<Message>) => costOf(message({ completedAt: 1, ...fields }), prices);
  const quoted = { quotedUsd: 2, derivedUsd: 0, unknown: false };
  assert.deepEqual(cost({ costUsd: 2, tokens, model: "p/m" }), quoted);
  const { derivedUsd, ...rest } = cost({ tokens, model: "p/m" });
  assert.equal(derivedUsd.toFixed(6), "6.350000");
  assert.deepEqual(rest, { quotedUsd: 0, unknown: false });
  const unknown = { quotedUsd: 0, derivedUsd: 0, unknown: true };
  for (const model of ["p/free", "p/unknown", "q/other", undefined]) {
    assert.deepEqual(cost({ tokens, model }), unknown, model);
  }
  const nothing = { quotedUsd: 0, derivedUsd: 0, unknown: false };
  assert.deepEqual(cost({ error: { name: "APIError", message: "" } }), nothing, "refused");
  assert.deepEqual(cost({ error: { name: "MessageAbortedError", message: "" } }), unknown);
  assert.deepEqual(cost({ completedAt: undefined }), unknown, "it broke off");
});

Deno.test("while the server is gone nothing is counted, and nothing that was counted is lost", () => {
  const progress = createProgress(0);
  progress.spend(5_000, "idle");
  progress.spend(15_000, "server_gone");
  progress.spend(18_000, "idle");
  assert.equal(progress.now.stillMs, 8_000);
  progress.spend(20_000, "working");
  progress.spend(30_000, "server_gone");
  progress.spend(33_000, "working");
  const { stillMs, quietMs, workedMs, spent } = progress.now;
  assert.deepEqual([stillMs, quietMs, workedMs, spent.durationMs], [0, 5_000, 5_000, 33_000]);
});

Deno.test("what is new in the newest message is a sign of life, the same again is none", () => {
  const progress = createProgress(0);
  progress.seeLast(halfWritten);
  progress.spend(5_000, "working");
  progress.seeLast(halfWritten);
  assert.equal(progress.now.quietMs, 5_000);
  for (
    const change of [{ text: "more" }, { toolRuns: [{ start: 1, tool: "bash", input: {} }] }, {
      completedAt: 1,
    }]
  ) {
    progress.seeLast(message(change));
    assert.equal(progress.now.quietMs, 0);
    progress.spend(progress.now.spent.durationMs + 1_000, "working");
  }
});
