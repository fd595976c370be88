/** Done means verified: what ralph makes of the scenarios that `completion_test.ts` leaves. */
import assert from "node:assert/strict";
import { VERSIONS } from "../support/install.ts";
import { DRIVERS } from "./drivers.ts";
import { deviations } from "./expectation.ts";
import { measure } from "./measure.ts";
import { FEW, SCENARIOS } from "./scenarios.ts";

const [RALPH, GREPS_THE_PROMISE, TRUSTS_PASSES] = DRIVERS;
const version = VERSIONS[1];
// Others of the suite, such as a systemd's, run beside it.
const atOnce = navigator.hardwareConcurrency;
const others = SCENARIOS.filter(({ id }) => !FEW.includes(id));

Deno.test("ralph completes what is done and nothing else", async (t) => {
  const runs = await measure({ scenarios: others, drivers: [RALPH], version, atOnce });
  assert.equal(runs.length, others.length);
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
