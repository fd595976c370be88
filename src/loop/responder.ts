import type { Clock } from "../clock.ts";
import type { OpenCode } from "../opencode/client.ts";
import { RalphError } from "../error.ts";
import { OpenCodeError } from "../opencode/error.ts";
import type { PermissionRequest, QuestionRequest } from "../opencode/model.ts";
import { answerPermission, answerQuestions } from "./answer.ts";
import type { Family } from "./family.ts";

/** Something that an agent asked, and what ralph answered in the user's place. */
export interface Answer {
  readonly requestId: string;
  readonly sessionId: string;
  readonly kind: "permission" | "question";
  /** What was asked, in the server's words: foreign text. */
  readonly asked: string;
  readonly reply: "once" | "reject" | "decide_yourself";
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface Responder {
  /** Answers if the one who asks is ours. Never throws: what fails is tried again by `poll`. */
  permission(request: PermissionRequest): Promise<void>;
  question(request: QuestionRequest): Promise<void>;
  /** Answers what the server lists as open. Never throws. */
  poll(): Promise<void>;
  readonly answers: readonly Answer[];
}

/**
 * Answers what `family` asks, each request once, and nothing that others ask. `record` is called
 * before an answer is given: when it fails, none is given, and `poll` tries again.
 */
export function createResponder(
  { client, clock, family, record = () => Promise.resolve() }: {
    client: OpenCode;
    clock: Clock;
    family: Family;
    record?: (answer: Answer) => Promise<void>;
  },
): Responder {
  const answers: Answer[] = [];
  const taken = new Set<string>();
  const recorded = new Set<string>();

  async function answer(
    request: Omit<Answer, "at">,
    send: () => Promise<void>,
  ): Promise<void> {
    const key = `${request.sessionId} ${request.requestId}`;
    if (taken.has(key)) return;
    taken.add(key);
    try {
      if (!await family.owns(request.sessionId)) return;
      const answer = { ...request, at: clock.now() };
      if (!recorded.has(request.requestId)) await record(answer);
      recorded.add(request.requestId);
      await send();
      answers.push(answer);
    } catch (error) {
      if (!(error instanceof RalphError)) throw error;
      const answeredByOthers = error instanceof OpenCodeError && error.kind === "not_found";
      if (!answeredByOthers) taken.delete(key);
    }
  }

  const permission = (request: PermissionRequest) => {
    const reply = answerPermission(request);
    return answer({
      requestId: request.id,
      sessionId: request.sessionId,
      kind: "permission",
      asked: [request.permission, ...request.patterns].join(" "),
      reply: reply.reply,
    }, () => client.replyPermission(request.id, reply));
  };

  const question = (request: QuestionRequest) =>
    answer({
      requestId: request.id,
      sessionId: request.sessionId,
      kind: "question",
      asked: request.questions.map((each) => each.question).join(" "),
      reply: "decide_yourself",
    }, () => client.answerQuestion(request.id, answerQuestions(request)));

  return {
    permission,
    question,
    answers,
    async poll() {
      const [permissions, questions] = await Promise.allSettled([
        client.permissions(),
        client.questions(),
      ]);
      await Promise.all([
        ...(permissions.status === "fulfilled" ? permissions.value.map(permission) : []),
        ...(questions.status === "fulfilled" ? questions.value.map(question) : []),
      ]);
    },
  };
}
