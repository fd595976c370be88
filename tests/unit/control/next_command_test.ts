/** What is advised about a session: the one command, and the sentence that has it. */
import assert from "node:assert/strict";
import { commandAfter, nextCommand, nextStep } from "../../../src/control/next_command.ts";
import { nextAction } from "../../../src/loop/decide.ts";
import type { Spent } from "../../../src/loop/limits.ts";
import { DEFAULT_SETTINGS, type Limits } from "../../../src/settings/settings.ts";
import { parseDuration } from "../../../src/settings/values.ts";
import type { Story } from "../../../src/task/prd.ts";
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
  ["stopped", "max_iterations", "ralph resume 'two words' -n 20"],
  ["stopped", "user_stop", "ralph run 'two words'"],
  ["stopped", "review_fails", "ralph history 'two words'"],
  ["stopped", "no_progress", "ralph history 'two words'"],
  ["failed", "provider_error", "ralph history 'two words'"],
  ["failed", "server_unreachable", "ralph history 'two words'"],
  ["failed", "worker_died", "ralph run 'two words'"],
  ["failed", "worker_ended", "ralph run 'two words'"],
];

const REST = { activity: null, earlier: null };

Deno.test("the next step is the first command of the advice, with a name for the shell", () => {
  for (const [status, reason, expected] of CASES) {
    const taskName = "two words";
    const session = { taskName, status, reason, iterations: 10, ...REST } as unknown as Session;
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

const limits = DEFAULT_SETTINGS.limits;
const ENDS: readonly [Partial<Limits>, Partial<Spent>, string][] = [
  [{ iterations: 1 }, {}, "-n 11"],
  [{ costUsd: 5 }, { costUsd: 5.3 }, "--max-cost 11"],
  [{ costUsd: 0.1 }, { costUsd: 0.1 }, "--max-cost 0.2"],
  [{ tokens: 1_000 }, { tokens: 2_100 }, "--max-tokens 4200"],
  [{ tokens: 1 }, { tokens: 1 }, "--max-tokens 2"],
  [{ durationMs: 60_000 }, { durationMs: 61_000 }, "--max-duration 122s"],
  [{ durationMs: 28_800_000 }, { durationMs: 29_000_000 }, "--max-duration 966m"],
];

Deno.test("whatever limit ended a session, it can be resumed with more of that", () => {
  const story = {
    id: "a",
    title: "a",
    passes: false,
    criteria: [],
    priority: 1,
  } as unknown as Story;
  for (const [more, used, expected] of ENDS) {
    const action = nextAction({
      stories: [story],
      past: [{ outcome: "worked", detail: "" }],
      limits: { ...limits, ...more },
      spent: { costUsd: 0, tokens: 0, durationMs: 0, ...used },
    });
    assert(action.kind === "end");
    const end = { ...action, iterations: 1, earlier: null };
    const command = `ralph resume one ${expected}`;
    assert.equal(
      commandAfter(end, "one"),
      `go on with \`${command}\`, or start a new session with \`ralph run one\``,
    );
    assert.equal(nextStep({ ...end, taskName: "one" } as unknown as Session, "one"), command);
    const [option, value] = expected.split(" ");
    if (option === "--max-duration") assert("value" in parseDuration(value), value);
    // One of an earlier program cannot be resumed.
    assert.doesNotMatch(commandAfter({ ...end, earlier: "{}" }, "one"), /resume/);
  }
});
