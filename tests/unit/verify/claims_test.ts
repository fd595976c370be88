import assert from "node:assert/strict";
import {
  brokenGates,
  gatesOf,
  judgeClaims,
  newlyPassing,
  outputsOf,
  storiesToBlame,
} from "../../../src/verify/claims.ts";
import type { Gate } from "../../../src/task/gate.ts";
import type { GateResult } from "../../../src/verify/gates/gates.ts";
import { story } from "../../support/story.ts";

const gate = (name: string): Gate => ({ name, run: { args: [name] } });
const result = (name: string, passed: boolean, output = ""): GateResult => ({
  gate: gate(name),
  passed,
  why: passed ? "exit code 0" : "exit code 1",
  output,
  durationMs: 1,
});
const task = [gate("all")];
const a = { ...story("a", true), verify: [gate("of a")] };
const b = { ...story("b", true), verify: [gate("of b")] };

Deno.test("a story is judged by the gates of the task and by its own", () => {
  assert.deepEqual(gatesOf(a, task).map(({ name }) => name), ["all", "of a"]);
  const judged = judgeClaims([a, b], {
    taskGates: task,
    results: [result("all", true), result("of a", false), result("of b", true)],
    lostTests: "",
  });
  assert.deepEqual(judged, [
    { storyId: "a", held: false, why: "the gate `of a` fails: exit code 1" },
    { storyId: "b", held: true, why: null },
  ]);
});

Deno.test("without gates the word counts; lost tests take it back; what was not judged does not hold", () => {
  const bare = [story("c", true)];
  const judge = (results: readonly GateResult[] | undefined, lostTests = "") =>
    judgeClaims(bare, { taskGates: [], results, lostTests })[0];
  assert.deepEqual(judge([]), { storyId: "c", held: true, why: null });
  assert.deepEqual(judge([], "1 test deleted"), {
    storyId: "c",
    held: false,
    why: "1 test deleted",
  });
  assert.equal(judge(undefined).held, false);
});

Deno.test("a claim is a story that passes now and did not before, whichever it is", () => {
  const claimed = newlyPassing(
    [story("a", true), story("b", false), story("c", false)],
    [story("a", false), story("b", true), story("c", true), story("new", true)],
  );
  assert.deepEqual(claimed.map(({ id }) => id), ["b", "c", "new"]);
});

Deno.test("the run of all gates falls back on whose gate fails, or on what was claimed last", () => {
  const blame = (failing: string[], claims: { storyId: string; iteration: number }[]) =>
    storiesToBlame([a, b], {
      taskGates: task,
      results: ["all", "of a", "of b"].map((name) => result(name, !failing.includes(name))),
      claims,
    }).map(({ storyId }) => storyId);
  const both = [{ storyId: "a", iteration: 1 }, { storyId: "b", iteration: 2 }];
  assert.deepEqual(blame(["of a"], both), ["a"]);
  assert.deepEqual(blame(["all"], both), ["b"], "the last that were claimed");
  assert.deepEqual(blame(["all", "of a"], both), ["a", "b"]);
  assert.deepEqual(blame(["of a"], [both[1]]), ["a"], "its own gate, claimed long ago");
  assert.deepEqual(blame(["all", "of a"], []), [], "nothing was claimed in this session");
});

Deno.test("a gate is broken when it passed before", () => {
  const results = [result("x", false), result("y", false), result("z", true)];
  assert.deepEqual(brokenGates(results, new Set(["y", "z"])), ["y"]);
});

Deno.test("what failing gates printed is quoted, bounded, and told from what ralph says", () => {
  assert.equal(outputsOf([result("x", true, "fine")]), "");
  assert.match(outputsOf([result("x", false)]), /`x` fails: exit code 1\. It printed nothing\.$/);
  const text = outputsOf([
    result("x", false, "first\n\nError: it is 3"),
    result("y", true, "fine"),
  ]);
  assert.match(text, /The end of what it printed:\n\n {4}first\n\n {4}Error: it is 3$/);
  const long = outputsOf(["x", "y", "z"].map((name) => result(name, false, "word ".repeat(9_000))));
  assert(long.length < 14_000, String(long.length));
});
