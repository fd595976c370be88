/** Done means verified: what ralph makes of a few scenarios, on a real server. */
import assert from "node:assert/strict";
import { OPENCODE2, VERSIONS } from "../support/install.ts";
import { DRIVERS } from "./drivers.ts";
import { deviations } from "./expectation.ts";
import { measure } from "./measure.ts";
import { FEW, SCENARIOS } from "./scenarios.ts";

const [RALPH] = DRIVERS;
const atOnce = navigator.hardwareConcurrency + 1;
const few = SCENARIOS.filter(({ id }) => FEW.includes(id));

for (const version of [VERSIONS[1], "2"] as const) {
  Deno.test({
    name: `ralph completes what is done and nothing else, in a few scenarios (${version})`,
    ignore: version === "2" && OPENCODE2 === undefined,
    async fn(t) {
      const runs = await measure({ scenarios: few, drivers: [RALPH], version, atOnce });
      assert.equal(runs.length, FEW.length);
      for (const run of runs) {
        await t.step(run.scenario.id, () => assert.deepEqual(deviations(run), []));
      }
    },
  });
}

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
