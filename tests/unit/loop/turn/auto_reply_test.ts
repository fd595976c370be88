import assert from "node:assert/strict";
import { answerPermission, answerQuestions } from "../../../../src/loop/turn/auto_reply.ts";

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

Deno.test("one that only reads gets no permission, and is told so", () => {
  for (const permission of ["external_directory", "bash", "read", "doom_loop"]) {
    const reply = answerPermission({ ...request, permission }, { onlyReads: true });
    assert.equal(reply.reply, "reject");
    assert.match(reply.reply === "reject" ? reply.message : "", /may read the files/);
  }
});
