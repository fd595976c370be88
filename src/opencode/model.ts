/**
 * What ralph knows of OpenCode, in ralph's own terms. `schema.ts` decodes the server's replies and
 * events, which differ between versions, into these; nothing else in the program sees raw JSON.
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
}

/** What the server says a conversation is doing. One that it does not list is idle, or not started. */
export type Busy =
  | { type: "busy" }
  /** Waiting to ask the provider again. `nextAt` in epoch milliseconds. */
  | { type: "retry"; attempt: number; message: string; nextAt: number };

export interface Tokens {
  /** Without those read from the cache. */
  input: number;
  /** Without those of reasoning. */
  output: number;
  reasoning: number;
  cacheRead: number;
  cacheWrite: number;
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
  /** Whether the server thinks that it may pass: it has then asked again by itself. */
  retryable?: boolean;
  /** When the provider wants to be asked again, in epoch milliseconds, where it said so. */
  retryAt?: number;
}

/** A message without what is in it: as events bring it. */
export interface MessageHead {
  id: string;
  sessionId: string;
  role: "user" | "assistant";
  /** Epoch milliseconds; absent while it is being written, and for ever after the server died. */
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

export interface Message extends MessageHead {
  /** Its text parts, joined by newlines: without thinking, tools and text that the server added. */
  text: string;
  /** When its tools ran, in epoch milliseconds of the server; one without an end broke off. */
  toolRuns: readonly { start: number; end?: number }[];
}

/** The agent waits for leave to do something. */
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
  questions: { header: string; question: string; options: string[] }[];
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
  }
  | { type: "permission"; request: PermissionRequest }
  | { type: "question"; request: QuestionRequest };
