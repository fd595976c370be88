import assert from "node:assert/strict";
import { deviations } from "./expectation.ts";
import type { Run } from "./measure.ts";
import { SCENARIOS } from "./scenarios.ts";

const [scenario] = SCENARIOS;

function run(change: Partial<Run> = {}): Run {
  return {
    scenario,
    driver: "ralph",
    said: { completed: true, reason: scenario.expect.reason, detail: "both pass" },
    missing: [],
    verdict: "right",
    reviews: 0,
    iterations: scenario.expect.iterations,
    needless: 0,
    tokens: 0,
    costUsd: 0,
    problems: [],
    durationMs: 0,
    ...change,
  };
}

Deno.test("a run that is as expected has no deviations", () => {
  assert.deepEqual(deviations(run()), []);
});

Deno.test("whatever differs is named", () => {
  const [first] = scenario.turns;
  const longer = { ...scenario, turns: [...scenario.turns, first] };
  const unused = { ...scenario.expect, unused: "no reason" };
  assert.deepEqual(
    [
      run({ verdict: "false completion", missing: ["the sum"] }),
      run({ said: { completed: false, reason: "no_progress", detail: "3 in a row" } }),
      run({ iterations: 1 }),
      run({ problems: ["turn 1: a command failed"] }),
      run({ scenario: longer }),
      run({ scenario: { ...scenario, expect: unused } }),
    ].flatMap(deviations),
    [
      "false completion in place of right: both pass (missing: the sum)",
      "reason no_progress in place of all_stories_pass: 3 in a row",
      "1 iterations in place of 2",
      "turn 1: a command failed",
      "nobody says why 1 turns are left over",
      "no turn is left over",
    ],
  );
});
