/** A worker killed at the steps of a session, as in `crash_points_test.ts`, in other surroundings. */
import assert from "node:assert/strict";
import { killAtSteps, survive, surviveOrTell } from "./crash_session.ts";

Deno.test("a worker killed at any step, and another when its turn has ended by itself: the same", async () => {
  const points = await killAtSteps({ late: true });
  assert(points > 200, `${points} steps`);
  console.log(`${points} crash points, gone on with late`);
});

for (const [version, late] of [["2.0.26", false], ["2.0.12", true]] as const) {
  const when = late ? "when its turn has ended by itself" : "at once";
  Deno.test(`OpenCode ${version}: a worker killed at any step, and another ${when}: the same`, async () => {
    const points = await killAtSteps({ late, version });
    assert(points > 200, `${points} steps`);
    console.log(`${points} crash points on OpenCode ${version}`);
  });
}

Deno.test("a worker killed at every 29th step, with the real git and real gates: the same", async () => {
  const points = await killAtSteps({ processes: true }, { stride: 29 });
  assert(points > 10, `${points} steps`);
});

Deno.test("a worker killed before and after each commit of its own: no work is lost, none is committed twice", async () => {
  const { steps } = await survive([], { processes: true });
  const ofGit = steps.flatMap((name, i) => name.endsWith("a commit") ? [i + 1] : []);
  assert.equal(ofGit.length, 6, "three stories");
  for (const n of ofGit) await surviveOrTell([n], { processes: true });
});
