import assert from "node:assert/strict";
import { iterationLog } from "../../../../src/cli/output/iteration_log.ts";

const LOG = [
  "2026-11-20T12:00:00.000Z my-feature  session 1, at most 10 iterations, http://127.0.0.1:1",
  "2026-11-20T12:00:01.000Z iteration 1/10  US-1 A",
  "2026-11-20T12:00:02.000Z   iteration 2/10  said the agent",
  "2026-11-20T12:00:03.000Z   ✓ advanced: US-1 passes",
  "2026-11-20T12:00:04.000Z iteration 10/10  US-2 B",
  "2026-11-20T12:00:05.000Z completed: all pass",
];

Deno.test("the log of an iteration goes from its own first line to the next iteration", () => {
  assert.deepEqual(iterationLog(LOG, 1), LOG.slice(1, 4));
  assert.deepEqual(iterationLog(LOG, 10), LOG.slice(4));
  assert.deepEqual(iterationLog(LOG, 2), [], "what an agent says begins none");
  assert.deepEqual(iterationLog([], 1), []);
});
