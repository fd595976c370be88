/** The live view: what is on the screen after each thing that may happen to it. */
import assert from "node:assert/strict";
import { liveTotals } from "../../../src/cli/output/live_totals.ts";
import { liveView, movesCursor } from "../../../src/cli/output/live_view.ts";
import type { LoopEvent } from "../../../src/loop/event.ts";
import type { Usage } from "../../../src/store/model.ts";
import { PLAIN } from "../../../src/terminal/colors.ts";
import { Screen } from "../../support/screen.ts";

const USAGE: Usage = {
  inputTokens: 100,
  outputTokens: 10,
  reasoningTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costUsd: 1.5,
  derivedCostUsd: 0,
  modelCalls: 2,
  unpricedCalls: 0,
  uncountedCalls: 0,
};
const STARTED: LoopEvent = {
  type: "session_started",
  session: 2,
  task: "t",
  server: "http://127.0.0.1:1",
  maxIterations: 3,
  changes: [],
  warnings: [],
  before: { workedMs: 60_000, usage: USAGE },
  maxCostUsd: 5,
  log: "/log",
};
const ITERATION: LoopEvent = {
  type: "iteration_started",
  number: 2,
  maxIterations: 3,
  story: "US-002",
  title: "Second",
  storiesOpen: 2,
  storiesTotal: 3,
};
const ENDED: LoopEvent = {
  type: "iteration_ended",
  number: 2,
  outcome: "advanced",
  detail: "US-002 passes",
  storiesPassed: ["US-002"],
  commits: 1,
  filesChanged: 1,
  usage: USAGE,
  durationMs: 1_000,
};

function world(columns: number) {
  const screen = new Screen(columns);
  let now = 0;
  let timer: (() => void) | undefined;
  const view = liveView({
    write: (text) => screen.write(text),
    line: (text) => screen.write(`${text}\n`),
    isTerminal: true,
    width: () => screen.columns,
    colors: PLAIN,
  }, {
    now: () => now,
    monotonic: () => now,
    after(_, callback) {
      timer = callback;
      return () => timer = undefined;
    },
  });
  const pass = (ms: number) => {
    now += ms;
    timer?.();
  };
  return { screen, view, pass };
}

const count = (text: string, part: string) => text.split(part).length - 1;

Deno.test("the block has what is done, the iteration, and the session so far with a bar", () => {
  const { screen, view, pass } = world(100);
  view.show(STARTED);
  view.show(ITERATION);
  view.show({ type: "writing", line: "I look" });
  view.show({ type: "used", modelCalls: 1, tokens: 1_200, costUsd: 0.25 });
  pass(5_000);
  assert.equal(
    screen.text.split("\n").slice(-3).join("\n"),
    "  I look\n" +
      "  iteration 2 · 5.0s · 1 model call · 1,200 tokens · $0.2500\n" +
      "  ███░░░░░░░ 1/3 stories · 1m 5s in all · $1.75 of $5.00",
  );
  view.show(ENDED);
  pass(1_000);
  assert.match(screen.text, /\n {2}███████░░░ 2\/3 stories · 1m 6s in all · \$3\.00 of \$5\.00$/);
  view.close();
  assert.doesNotMatch(screen.text, /in all/);
});

Deno.test("what stays is broken at blanks, and goes on under its own beginning", () => {
  const { screen, view } = world(40);
  view.show(STARTED);
  view.say("  what a person reads is not broken in the middle of a word");
  const lines = screen.text.split("\n").map((line) => line.trimEnd());
  const at = lines.indexOf("  what a person reads is not broken in");
  assert.deepEqual(lines.slice(at, at + 2), [lines[at], "  the middle of a word"]);
  assert(at > 0, screen.text);
});

Deno.test("while a reviewer looks the block says so, and no longer that a gate runs", () => {
  const { screen, view, pass } = world(100);
  view.show(STARTED);
  view.show(ITERATION);
  view.show({ type: "writing", line: "running gate deno test" });
  view.show({ type: "review_started", stories: ["US-002"], model: null });
  pass(200);
  assert.equal(screen.text.split("\n").at(-3), "  reviewing US-002");
  assert.doesNotMatch(screen.text, /running gate/);
});

Deno.test("nothing of the block stays: not when another line comes, nor when the terminal becomes narrower or wider", () => {
  const { screen, view, pass } = world(80);
  view.show(STARTED);
  view.show(ITERATION);
  view.show({ type: "writing", line: "x".repeat(200) });
  pass(200);
  for (const columns of [79, 40, 21, 60, 80, 30]) {
    screen.columns = columns;
    pass(200);
    assert.equal(count(screen.text, "stories ·"), columns > 21 ? 1 : 0);
    assert.equal(count(screen.text, "xxx…"), 1, `${columns}: ${screen.text}`);
    assert.equal(count(screen.text, "iteration 2/3"), 1, "what stays is whole");
  }
  view.say("stopping");
  pass(200);
  assert.equal(count(screen.text, "stopping\n"), 1);
  assert.equal(count(screen.text, "xxx…"), 1);
  view.close();
  assert.match(screen.text, /stories open\)\nstopping\n$/);
});

Deno.test("a cost that is not known of all iterations is told as such", () => {
  const totals = liveTotals();
  totals.take({ ...STARTED, before: { workedMs: 0, usage: null }, maxCostUsd: undefined });
  totals.take(ITERATION);
  totals.take(ENDED);
  assert.match(totals.session(0), / · ≥\$1\.50$/);
});

Deno.test("a terminal that cannot move its cursor gets no live view", () => {
  for (const term of [undefined, "", "dumb"]) assert(!movesCursor(term));
  for (const term of ["xterm-256color", "linux", "tmux"]) assert(movesCursor(term));
});
