import assert from "node:assert/strict";
import {
  freeIterations,
  refusalOf,
  refusalsInRow,
  refusedMs,
} from "../../../../src/loop/provider/backoff.ts";

const NOW = 1_000_000;
const MINUTE = 60_000;

Deno.test("a provider is asked again when it says, and each time later", () => {
  const waits = [0, 1, 2, 5, 8, 100].map((refusedBefore) =>
    (refusalOf({ now: NOW, tokens: 0, refusedBefore }).until - NOW) / 1_000
  );
  assert.deepEqual(waits, [5, 10, 20, 160, 900, 900]);
  const said = NOW + 5 * 60 * MINUTE;
  assert.equal(refusalOf({ now: NOW, tokens: 0, refusedBefore: 3 }, said).until, said);
  assert.equal(refusalOf({ now: NOW, tokens: 0, refusedBefore: 0 }, NOW + 1).until, NOW + 5_000);
});

Deno.test("an iteration is free when the model is known to have answered nothing", () => {
  const free = (tokens?: number) => refusalOf({ now: NOW, tokens, refusedBefore: 0 }).free;
  assert.deepEqual([free(0), free(1), free()], [true, false, false]);
});

Deno.test("the wait is counted from the first refusal since the model last answered", () => {
  const worked = {};
  const refused = (at: number, until: number, free = true) => ({ refusal: { at, until, free } });
  const cases: [Parameters<typeof refusedMs>[0], number][] = [
    [[], 0],
    [[worked], 0],
    [[refused(10, 20)], 10],
    [[worked, refused(10, 20), refused(25, 50)], 40],
    [[refused(1, 2), refused(10, 20, false), refused(25, 50)], 40],
    [[refused(1, 2), refused(10, 20, false)], 10],
    [[refused(10, 20), worked], 0],
  ];
  for (const [past, ms] of cases) assert.equal(refusedMs(past), ms, JSON.stringify(past));
  const past = [refused(1, 2), worked, refused(3, 4, false), refused(5, 6)];
  assert.deepEqual([refusalsInRow(past), freeIterations(past)], [2, 2]);
});
