/** What ralph answers when an agent asks: nobody is there, and nothing may wait. */
import type { Clock } from "../../clock.ts";
import type { OpenCode, PermissionReply } from "../../opencode/client.ts";
import { RalphError } from "../../error.ts";
import { ignoreServerFailure, OpenCodeError } from "../../opencode/error.ts";
import type { PermissionRequest, QuestionRequest } from "../../opencode/model.ts";
import type { SessionTree } from "./session_tree.ts";

const NOBODY = "Nobody is here to answer. Decide yourself and go on.";
const GO_ANOTHER_WAY =
  "The same call was made several times in a row with the same input. Its result will not " +
  "change: look at what it said, and go another way.";

const ONLY_READS = "You may read the files of this project, and nothing else.";

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

/** Throws nothing but bugs: what fails otherwise is tried again by `poll`. */
export interface AutoReply {
  /** Answers if the one who asks is ours. */
  permission(request: PermissionRequest): Promise<void>;
  question(request: QuestionRequest): Promise<void>;
  /** Answers what the server lists as open. */
  poll(): Promise<void>;
  readonly answers: readonly Answer[];
}

/**
 * Allowed, except for one that only reads, and for the agent's going round in circles. That refusal
 * ends the turn, with its message as the turn's error (1.1.53, 1.18.33, measured): a fresh context does
 * better.
 */
export function answerPermission(
  request: PermissionRequest,
  { onlyReads = false }: { onlyReads?: boolean } = {},
): PermissionReply {
  if (onlyReads) return { reply: "reject", message: ONLY_READS };
  if (request.permission === "doom_loop") return { reply: "reject", message: GO_ANOTHER_WAY };
  return { reply: "once" };
}

/** One list of answers for each question. */
export function answerQuestions(request: QuestionRequest): string[][] {
  return request.questions.map(() => [NOBODY]);
}

/**
 * Answers what `sessionTree` asks, each request once, and nothing that others ask. `record` is called
 * before an answer is given: when it fails, none is given, and `poll` tries again.
 */
export function createAutoReply(
  { client, clock, sessionTree, onlyReads, record = () => Promise.resolve() }: {
    client: OpenCode;
    clock: Clock;
    sessionTree: SessionTree;
    onlyReads?: boolean;
    record?: (answer: Answer) => Promise<void>;
  },
): AutoReply {
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
      if (!await sessionTree.owns(request.sessionId)) return;
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
    const reply = answerPermission(request, { onlyReads });
    return answer({
      requestId: request.id,
      sessionId: request.sessionId,
      kind: "permission",
      asked: [request.permission, ...request.patterns].join(" "),
      reply: reply.reply,
    }, () => client.replyPermission(request, reply));
  };

  const question = (request: QuestionRequest) =>
    answer({
      requestId: request.id,
      sessionId: request.sessionId,
      kind: "question",
      asked: request.questions.map((each) => each.question).join(" "),
      reply: "decide_yourself",
    }, () => client.answerQuestion(request, answerQuestions(request)));

  return {
    permission,
    question,
    answers,
    async poll() {
      const [permissions = [], questions = []] = await Promise.all([
        client.permissions().catch(ignoreServerFailure),
        client.questions().catch(ignoreServerFailure),
      ]);
      await Promise.all([...permissions.map(permission), ...questions.map(question)]);
    },
  };
}
