/** A worker killed at every even step of a session: the other half of `crash_points_test.ts`. */
import assert from "node:assert/strict";
import { killAtSteps } from "./crash_session.ts";

Deno.test("a worker killed at any even step, and another at once: nothing is lost, sent twice or counted twice", async () => {
  const points = await killAtSteps({ late: false }, { first: 2, stride: 2 });
  assert(points > 100, `${points} steps`);
  console.log(`${points} crash points, gone on with at once`);
});
