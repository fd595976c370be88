/** Messages as the client hands them over. */
import type { Message } from "../../src/opencode/model.ts";

/** An answer of the agent that is under way, and that has used nothing. */
export const message = (fields: Partial<Message> = {}): Message => ({
  id: "msg_1",
  sessionId: "ses_1",
  role: "assistant",
  tokens: {
    inputTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
  },
  costUsd: 0,
  text: "",
  toolRuns: [],
  ...fields,
});
