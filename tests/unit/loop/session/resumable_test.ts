import assert from "node:assert/strict";
import { wentDown, whyResumable } from "../../../../src/loop/session/resumable.ts";
import type { Reason, Session, Status } from "../../../../src/store/model.ts";

const BOOTED_AT = Date.parse("2026-11-20T06:00:00Z");
const BEFORE_BOOT = "2026-11-19T22:00:00Z";
const AFTER_BOOT = "2026-11-20T08:00:00Z";

function session(
  status: Status,
  reason: Reason | null,
  workerStartedAt: string | null = BEFORE_BOOT,
): Session {
  return {
    id: 7,
    taskName: "t",
    taskDir: "/p/tasks/t",
    projectRoot: "/p",
    status,
    reason,
    detail: null,
    activity: null,
    activityKind: null,
    activitySince: null,
    currentStory: null,
    iterations: 3,
    maxIterations: 10,
    model: null,
    agent: null,
    serverUrl: null,
    serverPort: null,
    openCodeSessionId: null,
    workerPid: null,
    workerVersion: null,
    workerBoot: null,
    workerUnit: null,
    workerStartedAt,
    epoch: 1,
    logPath: null,
    said: null,
    accepted: false,
    onlyStory: null,
    resumedAfter: 0,
    earlier: null,
    startedAt: BEFORE_BOOT,
    updatedAt: BEFORE_BOOT,
    endedAt: status === "running" ? null : AFTER_BOOT,
  };
}

/** Status, reason, start of the worker; why `ralph run` goes on with it, and whether unasked. */
const CASES: readonly [Status, Reason | null, string | null, string | undefined, boolean][] = [
  ["failed", "worker_died", BEFORE_BOOT, "its worker died", true],
  // It died while the machine was up: a person decides.
  ["failed", "worker_died", AFTER_BOOT, "its worker died", false],
  ["failed", "worker_died", null, "its worker died", true],
  ["failed", "worker_ended", BEFORE_BOOT, "its worker was asked to end", true],
  ["checkpointed", "checkpoint", BEFORE_BOOT, "it was paused", false],
  ["stopped", "user_stop", BEFORE_BOOT, undefined, false],
  ["stopped", "budget", BEFORE_BOOT, undefined, false],
  ["failed", "provider_error", BEFORE_BOOT, undefined, false],
  ["completed", "all_stories_pass", BEFORE_BOOT, undefined, false],
];

for (const [status, reason, worker, why, unasked] of CASES) {
  const when = worker === AFTER_BOOT ? ", its worker of this boot" : "";
  Deno.test(`what goes on, and what goes on unasked: ${status} ${reason}${when}`, () => {
    const one = session(status, reason, worker);
    assert.equal(whyResumable(one)?.replace(/^.*: /, ""), why);
    assert.equal(wentDown(one, { at: BOOTED_AT }), unasked);
  });
}

Deno.test("a session of the predecessor never goes on", () => {
  const one = { ...session("failed", "worker_died"), earlier: "{}" };
  assert.equal(whyResumable(one), undefined);
  assert.equal(wentDown(one, { at: BOOTED_AT }), false);
});

Deno.test("whether the machine went down is told by the boot, whatever its clock says", () => {
  const died = (workerBoot: string | null, startedAt: string) =>
    wentDown({ ...session("failed", "worker_died", startedAt), workerBoot }, {
      id: "this boot",
      at: BOOTED_AT,
    });
  assert.equal(died("this boot", BEFORE_BOOT), false, "the clock was set forward since");
  assert.equal(died("an earlier one", AFTER_BOOT), true, "the clock was set back since");
  assert.equal(died(null, BEFORE_BOOT), true, "on record before boots were");
  const ended = { ...session("stopped", "user_stop"), workerBoot: "an earlier one" };
  assert.equal(wentDown(ended, { id: "this boot", at: BOOTED_AT }), false);
});
