import assert from "node:assert/strict";
import type { LoopEvent } from "../../../src/loop/event.ts";
import { HOOK_VARIABLES } from "../../../src/settings/variables.ts";
import { hookCalls } from "../../../src/worker/hook_calls.ts";

const ABOUT = { task: "shop", projectRoot: "/p", session: 7 };
const ALL = { onEnd: ["end"], onBlocked: ["blocked"], onIteration: ["iteration"], notify: true };

const ENDED: LoopEvent = {
  type: "session_ended",
  session: 7,
  task: "shop",
  status: "completed",
  reason: "all_stories_pass",
  detail: "all 3 stories pass",
  iterations: 4,
  usage: null,
  durationMs: 1,
  workedMs: 1,
  gates: [],
  claimsTakenBack: 0,
  left: [],
};
const BLOCKED: LoopEvent = { ...ENDED, status: "stopped", reason: "blocked_on_human" };
const ITERATION: LoopEvent = {
  type: "iteration_ended",
  number: 2,
  outcome: "advanced",
  detail: "US-002 passes",
  storiesPassed: ["US-002"],
  commits: 1,
  filesChanged: 2,
  usage: null,
  durationMs: 1,
};

function calls(event: LoopEvent, settings: Partial<typeof ALL> = ALL) {
  return hookCalls(event, ABOUT, { settings: { notify: false, ...settings }, os: "linux" });
}

Deno.test("who is told of what", () => {
  const names = (event: LoopEvent, settings?: Partial<typeof ALL>) =>
    calls(event, settings).map(({ name }) => name);
  assert.deepEqual(names(ENDED), ["onEnd", "notify"]);
  assert.deepEqual(names(BLOCKED), ["onBlocked", "onEnd", "notify"]);
  assert.deepEqual(names(ITERATION), ["onIteration"]);
  assert.deepEqual(names({ type: "warning", text: "a" }), []);
  for (const event of [ENDED, BLOCKED, ITERATION]) assert.deepEqual(names(event, {}), []);
});

Deno.test("what a command gets", () => {
  const [end] = calls(ENDED);
  assert.deepEqual(end.command, ["end"]);
  assert.deepEqual(Object.keys(end.variables), [...HOOK_VARIABLES]);
  assert.equal(end.variables.RALPH_MESSAGE, "shop: completed, all 3 stories pass");
  assert.equal(end.variables.RALPH_REASON, "all_stories_pass");
  assert.deepEqual(JSON.parse(end.input), { hook: "onEnd", ...ABOUT, ...ENDED });
  const [iteration] = calls(ITERATION);
  assert.equal(iteration.variables.RALPH_MESSAGE, "shop: iteration 2 advanced, US-002 passes");
  assert.deepEqual(
    [iteration.variables.RALPH_STATUS, iteration.variables.RALPH_ITERATION],
    ["running", "2"],
  );
});

Deno.test("durations and money are as in JSON elsewhere: whole milliseconds, millionths of a dollar", () => {
  const usage = {
    ...{ inputTokens: 1, outputTokens: 1, reasoningTokens: 0, cacheReadTokens: 0 },
    ...{ cacheWriteTokens: 0, costUsd: 0.1 + 0.2, derivedCostUsd: 0, modelCalls: 1 },
    ...{ unpricedCalls: 0, uncountedCalls: 0 },
  };
  const [{ input }] = calls({ ...ENDED, usage, durationMs: 1234.567, workedMs: 99.5 });
  const told = JSON.parse(input);
  assert.deepEqual([told.durationMs, told.workedMs, told.usage.costUsd], [1235, 100, 0.3]);
});

Deno.test("what an agent said is bounded, and one line that nothing acts on", () => {
  const detail = `needs \x1b[31ma\0b\n${"\u202e".repeat(100_000)}`;
  const left = Array.from({ length: 1_000 }, () => detail);
  const [blocked] = calls({ ...BLOCKED, detail, left });
  assert(blocked.input.length < 40_000, `${blocked.input.length}`);
  for (const text of [blocked.input, ...Object.values(blocked.variables)]) {
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(text, /[\x00-\x1f\u202e]/);
  }
});

Deno.test("a notification shows what was said as it is", () => {
  const detail = "--help <b>&";
  const on = (os: "linux" | "darwin") =>
    hookCalls({ ...ENDED, detail }, ABOUT, { settings: { notify: true }, os })[0].command;
  assert.deepEqual(on("linux"), [
    ...["notify-send", "--app-name=ralph", "--urgency=normal", "--"],
    ...["ralph: shop completed", "--help &lt;b&gt;&amp;"],
  ]);
  const [osascript, ...rest] = on("darwin");
  assert.equal(osascript, "osascript");
  assert.deepEqual(rest.slice(-2), ["ralph: shop completed", detail]);
});
