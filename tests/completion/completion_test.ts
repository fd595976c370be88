/** Done means verified: what ralph makes of every scenario, on a real server. */
import assert from "node:assert/strict";
import { VERSIONS } from "../support/install.ts";
import { DRIVERS } from "./drivers.ts";
import { deviations } from "./expectation.ts";
import { measure } from "./measure.ts";
import { SCENARIOS } from "./scenarios.ts";

const [RALPH, GREPS_THE_PROMISE, TRUSTS_PASSES] = DRIVERS;
const version = VERSIONS[1];
const atOnce = navigator.hardwareConcurrency + 1;

Deno.test(`ralph completes what is done and nothing else (${version})`, async (t) => {
  const runs = await measure({ scenarios: SCENARIOS, drivers: [RALPH], version, atOnce });
  assert.equal(runs.length, SCENARIOS.length);
  for (const run of runs) {
    await t.step(run.scenario.id, () => assert.deepEqual(deviations(run), []));
  }
});

Deno.test("false and missed completions of plain loops are seen", async () => {
  const ids = ["promise-negated", "promise-missing", "all-passes-set-and-no-work", "tests-moved"];
  const scenarios = SCENARIOS.filter(({ id }) => ids.includes(id));
  const drivers = [GREPS_THE_PROMISE, TRUSTS_PASSES];
  const runs = await measure({ scenarios, drivers, version, atOnce });
  const seen = runs.map(({ scenario, driver, verdict, needless }) =>
    `${scenario.id}, ${driver}: ${verdict}, ${needless} needless`
  );
  assert.deepEqual(seen, [
    "promise-negated, greps the promise: false completion, 0 needless",
    "promise-negated, trusts `passes`: right, 0 needless",
    "promise-missing, greps the promise: missed completion, 2 needless",
    "promise-missing, trusts `passes`: right, 0 needless",
    "all-passes-set-and-no-work, greps the promise: false completion, 0 needless",
    "all-passes-set-and-no-work, trusts `passes`: false completion, 0 needless",
    "tests-moved, greps the promise: right, 0 needless",
    "tests-moved, trusts `passes`: right, 0 needless",
  ]);
});

Deno.test("the scenarios are as many as they say", () => {
  const within = SCENARIOS.filter(({ theme }) => theme !== "out of reach");
  assert(within.length >= 60);
  assert(within.filter(({ honest }) => honest).length >= within.length / 3);
  assert.equal(new Set(SCENARIOS.map(({ id }) => id)).size, SCENARIOS.length, "ids are unique");
  for (const { id, honest, theme, expect } of SCENARIOS) {
    const completes = expect.reason === "all_stories_pass";
    if (theme !== "out of reach") assert.equal(honest, completes, id);
  }
});
