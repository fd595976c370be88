/**
 * A worker killed at every single step of a session. The steps are enumerated, not sampled: each
 * statement of the database, each request to the server before and after its effect, each file, each
 * call of the agent's model; for n = 1, 2, 3, ... until a session comes to its end before it has an
 * n-th step. SQLite's tests of its own crashes go so.
 */
import assert from "node:assert/strict";
import { type SurviveOptions, surviveOrTell } from "./crash_session.ts";

/** Kills at each `stride`-th step. How many steps that were. */
async function killAtSteps(options: SurviveOptions, stride = 1): Promise<number> {
  let points = 0;
  for (let n = 1; (await surviveOrTell([n], options)).wereKilled; n += stride) points++;
  return points;
}

Deno.test("a worker killed at any step, and another at once: nothing is lost, sent twice or counted twice", async () => {
  const points = await killAtSteps({ late: false });
  assert(points > 200, `${points} steps`);
  console.log(`${points} crash points, gone on with at once`);
});

Deno.test("a worker killed at any step, and another when its turn has ended by itself: the same", async () => {
  const points = await killAtSteps({ late: true });
  assert(points > 200, `${points} steps`);
  console.log(`${points} crash points, gone on with late`);
});

Deno.test("a worker killed at every 19th step, with the real git and real gates: the same", async () => {
  const points = await killAtSteps({ processes: true }, 19);
  assert(points > 10, `${points} steps`);
});
