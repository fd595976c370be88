/** What ralph answers when an agent asks: nobody is there, and nothing may wait. */

import type { PermissionReply } from "../opencode/client.ts";
import type { PermissionRequest, QuestionRequest } from "../opencode/model.ts";

const NOBODY = "Nobody is here to answer. Decide yourself and go on.";
const GO_ANOTHER_WAY =
  "The same call was made several times in a row with the same input. Its result will not " +
  "change: look at what it said, and go another way.";

/**
 * Allowed, except for the agent's going round in circles. That refusal ends the turn, with its
 * message as the turn's error (1.1.53, 1.18.33, measured): a fresh context does better.
 */
export function answerPermission(request: PermissionRequest): PermissionReply {
  if (request.permission === "doom_loop") return { reply: "reject", message: GO_ANOTHER_WAY };
  return { reply: "once" };
}

/** One list of answers for each question. */
export function answerQuestions(request: QuestionRequest): string[][] {
  return request.questions.map(() => [NOBODY]);
}
