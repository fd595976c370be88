/**
 * A worker killed at every single step of a session. The steps are enumerated, not sampled: each
 * statement of the database, each request to the server before and after its effect, each file, each
 * call of the agent's model; for n = 1, 2, 3, ... until a session comes to its end before it has an
 * n-th step. SQLite's tests of its own crashes go so. Here the odd ones, in `crash_points_even_test.ts`
 * the even ones: two cores share them.
 */
import assert from "node:assert/strict";
import { killAtSteps } from "./crash_session.ts";

Deno.test("a worker killed at any odd step, and another at once: nothing is lost, sent twice or counted twice", async () => {
  const points = await killAtSteps({ late: false }, { first: 1, stride: 2 });
  assert(points > 100, `${points} steps`);
  console.log(`${points} crash points, gone on with at once`);
});
