import assert from "node:assert/strict";
import { activityOf, onChange } from "../../../src/loop/activity.ts";
import { answerPermission, answerQuestions } from "../../../src/loop/answer.ts";

const request = { id: "per_1", sessionId: "ses_1", patterns: [] };

Deno.test("every permission is given once", () => {
  for (const permission of ["external_directory", "bash", "read", "anything new"]) {
    assert.deepEqual(answerPermission({ ...request, permission }), { reply: "once" });
  }
});

Deno.test("going round in circles is refused, with advice", () => {
  const reply = answerPermission({ ...request, permission: "doom_loop" });
  assert.equal(reply.reply, "reject");
  assert.match(reply.reply === "reject" ? reply.message : "", /go another way/);
});

Deno.test("each question gets one list of answers", () => {
  const question = { header: "", question: "Which?", options: ["A", "B"] };
  const nobody = ["Nobody is here to answer. Decide yourself and go on."];
  const ask = (count: number) =>
    answerQuestions({ id: "que_1", sessionId: "ses_1", questions: Array(count).fill(question) });
  assert.deepEqual(ask(2), [nobody, nobody]);
  assert.deepEqual(ask(0), []);
});

Deno.test("an activity has words that are safe to show", () => {
  const retry = (message: string) => activityOf({ type: "retry", attempt: 3, message, nextAt: 42 });
  assert.deepEqual(retry("Rate limit exceeded\u001b[2J"), {
    kind: "rate_limited",
    text: "rate limited: Rate limit exceeded\\x1b[2J",
    until: 42,
  });
  assert.deepEqual(retry("Internal error"), {
    kind: "retrying",
    text: "provider fails, attempt 3: Internal error",
    until: 42,
  });
  assert.equal(retry("").text, "provider fails, attempt 3");
  assert.deepEqual(activityOf({ type: "busy" }), { kind: "working", text: "agent working" });
});

Deno.test("an activity is told when it changes", () => {
  const told: (number | undefined)[] = [];
  const report = onChange(({ until }) => told.push(until));
  for (const until of [1, 1, 2, 1]) report({ kind: "retrying", text: "x", until });
  assert.deepEqual(told, [1, 2, 1]);
});
