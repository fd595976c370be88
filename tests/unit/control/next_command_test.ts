/** What is advised about a session: the one command, and the sentence that has it. */
import assert from "node:assert/strict";
import { nextCommand, nextStep } from "../../../src/control/next_command.ts";
import type { Reason, Session, Status } from "../../../src/store/model.ts";

const CASES: readonly [Status, Reason | null, string][] = [
  ["running", null, "ralph logs 'two words' --follow"],
  ["completed", "all_stories_pass", "ralph history 'two words'"],
  ["checkpointed", "checkpoint", "ralph run 'two words'"],
  ["stopped", "unproven", "ralph run 'two words' --accept"],
  ["stopped", "blocked_on_human", "ralph run 'two words' --say '…'"],
  ["stopped", "gates_fail", "ralph history 'two words'"],
  ["stopped", "not_delivered", "ralph history 'two words'"],
  ["stopped", "budget", "ralph run 'two words'"],
  ["stopped", "max_iterations", "ralph run 'two words'"],
  ["stopped", "user_stop", "ralph run 'two words'"],
  ["stopped", "review_fails", "ralph history 'two words'"],
  ["stopped", "no_progress", "ralph history 'two words'"],
  ["failed", "provider_error", "ralph history 'two words'"],
  ["failed", "server_unreachable", "ralph history 'two words'"],
  ["failed", "worker_died", "ralph run 'two words'"],
  ["failed", "worker_ended", "ralph run 'two words'"],
];

Deno.test("the next step is the first command of the advice, with a name for the shell", () => {
  for (const [status, reason, expected] of CASES) {
    const taskName = "two words";
    const session = { taskName, status, reason, earlier: null } as Session;
    assert.equal(nextStep(session, taskName), expected);
    const [, first] = nextCommand(session).match(/`([^`]*)`/) ?? [];
    assert.equal(first, expected, `${status} ${reason}`);
  }
});

Deno.test("after a review that refuses too often, how to go on with it and without it", () => {
  const session = {
    taskName: "two words",
    status: "stopped",
    reason: "review_fails",
    earlier: null,
  };
  const advice = nextCommand(session as Session);
  assert.match(advice, /`ralph resume 'two words'`.*`ralph run 'two words' --no-review`/);
});
