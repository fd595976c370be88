import assert from "node:assert/strict";
import { type Action, nextAction, type Snapshot } from "../../../src/loop/decide.ts";
import type { Outcome } from "../../../src/registry/model.ts";
import { story } from "../../support/story.ts";

const open = [story("a", true), story("b", false), story("c", false)];
const done = [story("a", true), story("b", true)];

function decide(snapshot: Partial<Snapshot>): Action {
  return nextAction({ stories: open, outcomes: [], maxIterations: 10, ...snapshot });
}

function ended(action: Action): string {
  assert.equal(action.kind, "end");
  return action.kind === "end" ? `${action.status} ${action.reason}` : "";
}

Deno.test("the first open story is worked on, and iterations are numbered on", () => {
  const action = decide({ outcomes: ["worked", "error"] });
  assert.equal(action.kind, "iterate");
  assert.deepEqual(action.kind === "iterate" && [action.number, action.story.id], [3, "b"]);
});

Deno.test("all stories pass: completed, whatever else is true", () => {
  assert.equal(ended(decide({ stories: done })), "completed all_stories_pass");
  assert.equal(
    ended(decide({ stories: done, outcomes: ["advanced"], maxIterations: 1 })),
    "completed all_stories_pass",
    "in the last iteration",
  );
  assert.equal(ended(decide({ stories: done, request: "stop" })), "completed all_stories_pass");
});

Deno.test("a person's stop comes before every limit", () => {
  assert.equal(
    ended(decide({ request: "stop", outcomes: ["error", "error", "error"] })),
    "stopped user_stop",
  );
});

Deno.test("a checkpoint pauses between iterations, unless the work is done", () => {
  assert.equal(ended(decide({ request: "checkpoint" })), "checkpointed checkpoint");
  assert.equal(
    ended(decide({ request: "checkpoint", stories: done })),
    "completed all_stories_pass",
  );
});

Deno.test("the iteration limit is `stopped`, not `failed`, and counts the open stories", () => {
  const action = decide({ outcomes: ["worked", "worked"], maxIterations: 2 });
  assert.equal(ended(action), "stopped max_iterations");
  assert.match(action.kind === "end" ? action.detail : "", /2 iterations .* 2 of 3 stories open/);
});

Deno.test("errors and fruitless iterations end the session only when they are in a row", () => {
  const cases: [Outcome[], string][] = [
    [["error", "error"], "goes on"],
    [["error", "timeout", "error"], "failed provider_error"],
    [["error", "worked", "error", "error"], "goes on"],
    [["error", "error", "interrupted", "error"], "goes on"],
    [["nothing", "nothing"], "goes on"],
    [["nothing", "nothing", "nothing"], "stopped no_progress"],
    [["nothing", "nothing", "worked", "nothing"], "goes on"],
    [["advanced", "nothing", "nothing", "nothing"], "stopped no_progress"],
  ];
  for (const [outcomes, expected] of cases) {
    const action = decide({ outcomes });
    const got = action.kind === "iterate" ? "goes on" : ended(action);
    assert.equal(got, expected, outcomes.join(" "));
  }
});

Deno.test("what the provider said is in the words of the end", () => {
  const action = decide({ outcomes: ["error", "error", "error"], lastDetail: "no credits left" });
  assert.match(action.kind === "end" ? action.detail : "", /no credits left/);
});
