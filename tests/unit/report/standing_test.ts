import assert from "node:assert/strict";
import { standingOf } from "../../../src/report/standing.ts";
import { tookMs, tookWords } from "../../../src/report/took.ts";
import type { Outcome } from "../../../src/store/model.ts";

type Held = boolean | null;

const CASES: readonly [outcome: Outcome | null, held: readonly Held[], shown: string][] = [
  ["advanced", [true], "✓ advanced"],
  ["advanced", [], "✓ advanced"],
  ["advanced", [false], "✗ taken back"],
  ["advanced", [true, false], "• advanced in part"],
  ["advanced", [true, null], "✓ advanced"],
  ["worked", [], "• worked"],
  ["worked", [null], "• worked"],
  ["worked", [false], "✗ taken back"],
  ["nothing", [], "✗ nothing"],
  ["nothing", [false], "✗ taken back"],
  ["broke", [false], "✗ broke"],
  ["timeout", [], "✗ timeout"],
  ["stopped", [], "✗ stopped"],
];

Deno.test("the sign of a round says what still holds of it", () => {
  for (const [outcome, held, shown] of CASES) {
    const claims = held.map((held) => ({ held }));
    const { sign, word } = standingOf({ outcome }, { claims, isOpen: true });
    assert.equal(`${sign} ${word}`, shown, `${outcome} ${held}`);
  }
});

Deno.test("one without an outcome is under way only while its session runs", () => {
  const word = (isOpen: boolean) => standingOf({ outcome: null }, { claims: [], isOpen }).word;
  assert.equal(word(true), "under way");
  assert.equal(word(false), "no outcome");
});

Deno.test("how long it took is measured, else taken from the clock, unless that was set back", () => {
  const startedAt = "2026-11-20T12:00:00.000Z";
  const at = (time: string | null, durationMs: number | null) => {
    const times = { startedAt, endedAt: time && `2026-11-20T${time}.000Z`, durationMs };
    return [tookMs(times), tookWords(times)];
  };
  assert.deepEqual(at("11:00:00", 4_200), [4_200, "4.2s"]);
  assert.deepEqual(at("12:01:00", null), [60_000, "1m 0s"]);
  assert.deepEqual(at("11:00:00", null), [undefined, "clock moved"]);
  assert.deepEqual(at(null, null), [undefined, "-"]);
  assert.deepEqual(at("noon", null), [undefined, "unknown"]);
});
