/** The sign and the word of an iteration: none says that something worked which was taken back. */
import assert from "node:assert/strict";
import { roundOf, roundWords } from "../../../src/cli/output/round.ts";
import type { Outcome } from "../../../src/store/model.ts";

const held = (storyId: string) => ({ storyId, held: true });
const fallen = (storyId: string) => ({ storyId, held: false });

const CASES: readonly [
  Outcome | null,
  readonly string[],
  readonly { storyId: string; held: boolean }[],
  string,
][] = [
  [null, [], [], "… under way"],
  ["advanced", ["A"], [held("A")], "✓ advanced"],
  ["advanced", ["A"], [], "✓ advanced"],
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

Deno.test("what came of a round is told by sign and word, after all that was found", () => {
  for (const [outcome, storiesPassed, claims, expected] of CASES) {
    assert.equal(roundWords(roundOf({ outcome, storiesPassed }, claims)), expected);
  }
});
