import assert from "node:assert/strict";
import {
  activityOf,
  onChange,
  silence,
  timeWords,
  waitingForGit,
  waitingForLeft,
  waitingForLimit,
  waitingForServer,
  waitingForTurn,
} from "../../../src/loop/activity.ts";

const NOW = Date.UTC(2026, 0, 1, 14, 0, 30);
const MINUTE = 60_000;

Deno.test("an activity has words that are safe to show, and says until when", () => {
  const until = NOW + MINUTE;
  const retry = (message: string) =>
    activityOf({ type: "retry", attempt: 3, message, nextAt: until }, NOW);
  assert.deepEqual(retry("Rate limit exceeded\u001b[2J"), {
    kind: "rate_limited",
    text: "rate limited, asked again at 14:02 UTC: Rate limit exceeded\\x1b[2J",
    until,
  });
  const limited = { type: "retry", attempt: 3, message: "Rate limit exceeded", nextAt: until };
  const named = (at: number) => activityOf({ ...limited, type: "retry" }, NOW, at).text;
  assert.equal(
    named(NOW + 10_000),
    "rate limited until 14:01 UTC, asked again at 14:02 UTC: Rate limit exceeded",
  );
  assert.equal(
    named(until),
    "rate limited until 14:02 UTC, asked again then: Rate limit exceeded",
  );
  assert.deepEqual(retry("Internal error"), {
    kind: "retrying",
    text: "provider fails, attempt 3, asked again at 14:02 UTC: Internal error",
    until,
  });
  assert.equal(retry("").text, "provider fails, attempt 3, asked again at 14:02 UTC");
  assert.deepEqual(activityOf({ type: "busy" }, NOW), { kind: "working", text: "agent working" });
});

Deno.test("a time is never told too early, and has its date when that is another day", () => {
  assert.equal(timeWords(Date.UTC(2026, 0, 1, 14), NOW), "14:00 UTC");
  assert.equal(timeWords(Date.UTC(2026, 0, 1, 14, 0, 0, 1), NOW), "14:01 UTC");
  assert.equal(timeWords(Date.UTC(2026, 0, 1, 23, 59, 59), NOW), "2026-01-02 00:00 UTC");
});

Deno.test("a silence is told after a minute, with its end", () => {
  const silenceMs = 15 * MINUTE;
  assert.equal(silence({ quietMs: MINUTE - 1, silenceMs, now: NOW }), undefined);
  assert.deepEqual(silence({ quietMs: MINUTE, silenceMs, now: NOW }), {
    kind: "silent",
    text: "nothing heard of the agent since 13:59 UTC, ended at 14:15 UTC",
    until: NOW + 14 * MINUTE,
  });
  assert(silence({ quietMs: 1_000, silenceMs: 2_000, now: NOW }), "a short limit: sooner");
});

Deno.test("an activity is told when it changes, and a silence once", () => {
  const told: (number | undefined)[] = [];
  const report = onChange(({ until }) => told.push(until));
  for (const until of [1, 1, 2, 1]) report({ kind: "retrying", text: "x", until });
  for (const until of [5, 6]) report({ kind: "silent", text: "quiet", until });
  report({ kind: "working", text: "agent working" });
  report({ kind: "silent", text: "quiet", until: 7 });
  assert.deepEqual(told, [1, 2, 1, 5, undefined, 7]);
});

Deno.test("what is waited for is a fact beside its words", () => {
  const kinds = [
    waitingForServer("it does not answer"),
    waitingForGit("it looks at the branch"),
    waitingForTurn("the server loads the project of a in shop"),
    waitingForLeft(["process 7: npm start"]),
    activityOf({ type: "job", command: "npm start" }, 0),
    ...[false, true].map((isAsked) =>
      waitingForLimit({
        provider: "anthropic",
        until: 60_000,
        by: "b in shop",
        said: "slow down",
        isAsked,
      }, 0)
    ),
  ].map(({ kind }) => kind);
  assert.deepEqual(kinds, [
    "waiting_for_server",
    "waiting_for_git",
    "waiting_for_turn",
    "waiting_for_command",
    "waiting_for_command",
    "waiting_for_limit",
    "waiting_for_limit",
  ]);
});
