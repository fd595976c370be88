import assert from "node:assert/strict";
import { type IterationFacts, judge } from "../../../src/loop/outcome.ts";
import type { TurnEnd } from "../../../src/loop/turn.ts";
import type { Outcome } from "../../../src/registry/model.ts";
import { story } from "../../support/story.ts";

const before = [story("a", true), story("b", false), story("c", false)];
const bPasses = [story("a", true), story("b", true), story("c", false)];
const good: TurnEnd = { kind: "settled", finish: "stop", text: "done" };
const failed: TurnEnd = {
  kind: "settled",
  text: "",
  error: { name: "APIError", message: "no credits" },
};

const cases: [string, Partial<IterationFacts>, Outcome, RegExp][] = [
  ["a story passes", { after: bPasses }, "advanced", /^b passes$/],
  [
    "a story passes in a turn that failed",
    { after: bPasses, end: failed },
    "advanced",
    /b passes; APIError: no credits/,
  ],
  ["files changed", { change: { commits: 0, files: 2 } }, "worked", /b does not pass yet/],
  ["only commits", { change: { commits: 1, files: 0 } }, "worked", /b does not pass yet/],
  ["nothing changed", { change: { commits: 0, files: 0 } }, "nothing", /no file was changed/],
  ["the provider refused", { end: failed, change: { commits: 0, files: 3 } }, "error", /APIError/],
  ["the answer was cut", { end: { ...good, finish: "length" } }, "error", /output limit/],
  [
    "a limit",
    { end: { kind: "timeout", limit: "turn", why: "too long", confirmed: true } },
    "timeout",
    /^too long$/,
  ],
  [
    "a limit, and the abort was not confirmed",
    { end: { kind: "timeout", limit: "turn", why: "too long", confirmed: false } },
    "timeout",
    /too long; the server did not confirm/,
  ],
  ["the server died", { end: { kind: "interrupted", why: "gone" } }, "interrupted", /^gone$/],
  ["it never began", { end: { kind: "lost", why: "no such agent" } }, "error", /no such agent/],
  ["a person", { end: { kind: "stopped", confirmed: true } }, "stopped", /by a person$/],
  [
    "a person, though a story passes",
    { end: { kind: "stopped", confirmed: false }, after: bPasses },
    "stopped",
    /did not confirm/,
  ],
];

for (const [name, facts, outcome, detail] of cases) {
  Deno.test(`outcome: ${name}`, () => {
    const judgement = judge({ end: good, story: before[1], before, after: before, ...facts });
    assert.equal(judgement.outcome, outcome);
    assert.match(judgement.detail, detail);
    assert.deepEqual(judgement.storiesPassed, facts.after ? ["b"] : []);
  });
}

Deno.test("outcome: a story that was open again and passes now counts; one that fell back does not", () => {
  const judgement = judge({
    end: good,
    story: before[1],
    before,
    after: [story("a", false), story("b", true), story("c", true)],
  });
  assert.deepEqual(judgement.storiesPassed, ["b", "c"]);
  assert.match(judgement.detail, /^b, c pass$/);
});
