/**
 * What ralph knows of OpenCode, in ralph's own terms. The `schema.ts` of each generation decodes the
 * server's replies and events into these; nothing else in the program sees raw JSON.
 */

/** A conversation on the server. */
export interface OpenCodeSession {
  /** `ses_…` */
  id: string;
  title: string;
  /** The directory that the server runs it in. */
  directory: string;
  /** Set when another conversation started this one (a sub-agent). */
  parentId?: string;
  /** Epoch milliseconds. */
  createdAt: number;
  /** When something was last said in it, or changed; where the server says that. Epoch milliseconds. */
  updatedAt?: number;
  /** Those of its own, where the server says them. */
  rules?: readonly Rule[];
}

/** What the server says a conversation is doing. One that it does not list is idle, or not started. */
export type Busy =
  | { type: "busy" }
  /** Idle itself, while a command that it began runs in the background: its end wakes it up. */
  | { type: "job"; command: string }
  /** Waiting to ask the provider again. `nextAt` in epoch milliseconds. */
  | { type: "retry"; attempt: number; message: string; nextAt: number };

/** How a turn ended that is not at work any more. */
export interface TurnRecord {
  /** Undefined: this version writes down no more than its messages. */
  outcome?: "succeeded" | "failed" | "interrupted";
  error?: AgentError;
}

/** Tokens by kind, each counted once; the store has the same names. */
interface Tokens {
  /** Without those read from the cache. */
  inputTokens: number;
  /** Without those of reasoning. */
  outputTokens: number;
  reasoningTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
}

/** What a session used in all, as the server counts it: calls of the model without a message, too. */
export interface SessionUse {
  tokens: Tokens;
  costUsd: number;
}

/** What a model costs, in US dollars for a million tokens. */
export interface Price {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
}

/** An error as the server reports it, of the provider, the agent or the server itself. */
export interface AgentError {
  /** `APIError`, `MessageAbortedError`, `ProviderAuthError`, `ContextOverflowError`, … */
  name: string;
  message: string;
  /** The provider's HTTP status, where there was one. */
  statusCode?: number;
  /** Whether it may pass, by what the server says of it: most often it has then asked again by itself. */
  retryable?: boolean;
  /** When the provider wants to be asked again, in epoch milliseconds, where it said so. */
  retryAt?: number;
}

/** A message without what is in it: as events bring it. */
export interface MessageHead {
  id: string;
  sessionId: string;
  role: "user" | "assistant";
  /** Epoch milliseconds; absent while it is being written, and forever after the server died. */
  completedAt?: number;
  /** Why the model stopped: `stop`, `tool-calls`, `length`, `content-filter`, `unknown`, `other`. */
  finish?: string;
  error?: AgentError;
  /** The server shortened the conversation, which had grown too long for the model. */
  compaction?: boolean;
  /** `provider/model`, of the agent's messages. */
  model?: string;
  tokens: Tokens;
  costUsd: number;
}

/** A call of a tool that has begun, in epoch milliseconds of the server; one without an end broke off. */
export interface ToolRun {
  start: number;
  end?: number;
  /** `bash`, `edit`, `read`, … */
  tool: string;
  /** What the agent handed to it. */
  input: Record<string, unknown>;
  /** A rule of the user's own settings refused the call. */
  refused?: boolean;
  /** It ended with an error, as one of a tool that is not offered does. */
  failed?: boolean;
}

export interface Message extends MessageHead {
  /** Its text parts, joined by newlines: without thinking, tools and text that the server added. */
  text: string;
  toolRuns: readonly ToolRun[];
}

/** The agent waits for permission to do something. */
export interface PermissionRequest {
  id: string;
  sessionId: string;
  /** `external_directory`, `doom_loop`, `bash`, `read`, … */
  permission: string;
  patterns: string[];
}

/** The agent waits for answers, one for each question. */
export interface QuestionRequest {
  id: string;
  sessionId: string;
  questions: {
    header: string;
    question: string;
    options: string[];
    /** In OpenCode 2: where its answer goes. `choice`: nothing but one of the options. */
    field?: { key: string; takes: "text" | "texts" | "choice" };
  }[];
}

/** Of the rules that match, the last one counts. `*` stands for any text. */
export interface Rule {
  /** A tool, or what several have in common: `bash`, `edit`, `external_directory`, `*`. */
  permission: string;
  pattern: string;
  /** `allow`, `ask`, `deny`. */
  action: string;
}

export interface Agent {
  name: string;
  /** `primary`, `subagent`, `all`. */
  mode: string;
  hidden: boolean;
  /** The user's, after OpenCode's own. */
  rules: readonly Rule[];
  /** Its own, as `provider/model`, where the server says that it has one. */
  model?: string;
}

export type ToolStatus = "pending" | "running" | "completed" | "error";

/** Something that happened on the server. A hint only: any of these may be missed or repeated. */
export type AgentEvent =
  /** The stream is open, at the start or again: what happened before was not seen. */
  | { type: "connected" }
  | { type: "disconnected"; why: string }
  | { type: "busy"; sessionId: string; busy: Busy }
  | { type: "idle"; sessionId: string }
  | { type: "error"; sessionId?: string; error: AgentError }
  | { type: "session"; session: OpenCodeSession }
  | { type: "message"; message: MessageHead }
  | { type: "use"; sessionId: string; use: SessionUse }
  /** Text as it grows: `text` is the whole part so far where the server says so, else `delta`. */
  | {
    type: "text";
    sessionId: string;
    messageId: string;
    partId: string;
    delta?: string;
    text?: string;
    /** The part is finished, and `text` is all of it. */
    done: boolean;
    kind: "text" | "reasoning";
  }
  | {
    type: "tool";
    sessionId: string;
    callId: string;
    tool: string;
    status: ToolStatus;
    /** What the server calls it, such as the command or the file. Empty until it is known. */
    title: string;
    input: Record<string, unknown>;
    error?: string;
    /** A rule of the user's own settings refused it. */
    refused: boolean;
    /** Of a command that has ended; absent where the server does not say. */
    exitCode?: number;
  }
  | { type: "permission"; request: PermissionRequest }
  | { type: "question"; request: QuestionRequest };
