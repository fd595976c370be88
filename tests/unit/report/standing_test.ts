import assert from "node:assert/strict";
import { standingOf } from "../../../src/report/standing.ts";
import { tookMs, tookWords } from "../../../src/report/took.ts";
import type { Outcome } from "../../../src/store/model.ts";

const held = (storyId: string) => ({ storyId, held: true });
const fallen = (storyId: string) => ({ storyId, held: false });

const CASES: readonly [
  Outcome | null,
  readonly string[],
  readonly { storyId: string; held: boolean | null }[],
  string,
][] = [
  [null, [], [], "… under way"],
  ["advanced", ["A"], [held("A")], "✓ advanced"],
  ["advanced", ["A"], [], "✓ advanced"],
  ["advanced", ["A"], [{ storyId: "A", held: null }], "✓ advanced"],
  ["worked", [], [{ storyId: "A", held: null }], "• worked"],
  // By the run of all gates at the end.
  ["advanced", ["A"], [fallen("A")], "✗ taken back"],
  ["advanced", ["A", "B"], [held("A"), fallen("B")], "• partly taken back"],
  ["worked", [], [], "• worked"],
  ["worked", [], [fallen("A")], "✗ taken back"],
  ["nothing", [], [], "• nothing"],
  ["nothing", [], [fallen("A")], "✗ taken back"],
  ["broke", [], [fallen("A")], "✗ broke"],
  ["error", [], [], "✗ error"],
  ["timeout", [], [], "✗ timeout"],
  ["interrupted", [], [], "– interrupted"],
  ["stopped", [], [fallen("A")], "– stopped"],
  ["levitated\x1b[2J" as Outcome, [], [], "? levitated\\x1b[2J"],
];

Deno.test("the sign of a round says what still holds of it", () => {
  for (const [outcome, storiesPassed, claims, shown] of CASES) {
    const { sign, word } = standingOf({ outcome, storiesPassed }, { claims, isOpen: true });
    assert.equal(`${sign} ${word}`, shown);
  }
});

Deno.test("one without an outcome is under way only while its session runs", () => {
  const word = (isOpen: boolean) =>
    standingOf({ outcome: null, storiesPassed: [] }, { claims: [], isOpen }).word;
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
