/** What ralph asks of an OpenCode server, whichever generation of it answers. */

import type { Denials } from "./agent_rules.ts";
import type {
  Agent,
  AgentEvent,
  Busy,
  Message,
  OpenCodeSession,
  PermissionRequest,
  Price,
  QuestionRequest,
  SessionUse,
  TurnRecord,
} from "./model.ts";

export interface Health {
  version: string;
  generation: 1 | 2;
}

/** Who works, and with what; where it is not said, the server chooses. */
interface Chosen {
  model?: { providerId: string; modelId: string };
  agent?: string;
}

/** `message` lets the agent go on after a refusal; without one the server ends the turn. */
export type PermissionReply = { reply: "once" } | { reply: "reject"; message: string };

/** One server, in one directory. Every method throws `OpenCodeError`; none retries. */
export interface OpenCode {
  readonly url: string;
  readonly directory: string;
  /** The file that its password is from, where that is no variable's. */
  readonly passwordFile?: string;
  /**
   * Throws `not_opencode` or `unhealthy` where the reply is not that of a healthy OpenCode.
   * `timeoutMs`: 2 s unless told.
   */
  health(options?: { timeoutMs?: number }): Promise<Health>;
  /**
   * A new OpenCode session, with the rules that the server's settings have, and no questions. In
   * OpenCode 2 model and agent belong to it. `onlyReads`: it can read the project, as far as its agent
   * may, but for files that are `hidden` (patterns of OpenCode's rules), and do nothing else; throws
   * `refused` where the server cannot be held to that. A server from before 2.0.5 hides nothing.
   */
  createSession(
    options: { title: string; onlyReads?: { hidden: readonly string[] } } & Chosen,
  ): Promise<OpenCodeSession>;
  /** Undefined when this directory has none of that id. */
  session(id: string): Promise<OpenCodeSession | undefined>;
  /** Those of this directory, sub-agents' included; at most the 1000 that changed last. */
  sessions(): Promise<readonly OpenCodeSession[]>;
  deleteSession(id: string): Promise<void>;
  /**
   * Hands over a prompt. Success proves nothing: follow the turn. Where an error is `repeatable`, the
   * same may be asked again, and is done once. OpenCode 1 takes model and agent from here.
   */
  prompt(id: string, prompt: { text: string } & Chosen): Promise<void>;
  /** The sessions that are at work. One that is missing is idle, or has not started yet. */
  busy(): Promise<ReadonlyMap<string, Busy>>;
  /** Oldest first; with `limit` only the newest. */
  messages(id: string, options?: { limit?: number }): Promise<readonly Message[]>;
  /** The sessions of its sub-agents, one level down. */
  children(id: string): Promise<readonly OpenCodeSession[]>;
  /**
   * What a server that keeps book of its turns says of one that is not at work; undefined while it
   * is, and of OpenCode 1, where only messages tell.
   */
  turnRecord(id: string): Promise<TurnRecord | undefined>;
  /**
   * What the server has counted of it in all; undefined of OpenCode 1, where every call that costs is a
   * message in 1.18.34, and in 1.1.53 all but a title for each prompt (measured).
   */
  sessionUse(id: string): Promise<SessionUse | undefined>;
  /** Asks for the end of a turn. Success proves nothing: see `loop/turn/abort.ts`. */
  abort(id: string): Promise<void>;
  /** Has the server give up what it keeps for this directory; whoever asks next has it loaded anew. */
  unload(): Promise<void>;
  /** Those of the whole directory, some of them long dead (measured: an abort leaves them). */
  permissions(): Promise<readonly PermissionRequest[]>;
  questions(): Promise<readonly QuestionRequest[]>;
  replyPermission(request: PermissionRequest, reply: PermissionReply): Promise<void>;
  /** One list of answers for each question. */
  answerQuestion(
    request: QuestionRequest,
    answers: readonly (readonly string[])[],
  ): Promise<void>;
  /** Names of the agents that can be given a prompt. */
  agents(): Promise<readonly string[]>;
  /** The same with what they may do; `byDefault`: the one that OpenCode's own settings name. */
  agentChoice(): Promise<{ agents: readonly Agent[]; byDefault?: string }>;
  /** `provider/model` of those that can be used. */
  models(): Promise<readonly string[]>;
  /** `provider/model` of those that are on record as unable to call tools; that may be wrong. */
  modelsWithoutTools(): Promise<readonly string[]>;
  /** By `provider/model`; undefined where the server knows no price. */
  prices(): Promise<ReadonlyMap<string, Price | undefined>>;
  /** Those that can be used, in the server's order. */
  providers(): Promise<readonly Provider[]>;
  /** The variables that a provider takes its key from, whether or not it can be used; empty where not known. */
  keyVariables(providerId: string): Promise<readonly string[]>;
  /** The model that OpenCode's own settings name, as `provider/model`; undefined when none does. */
  configuredModel(): Promise<string | undefined>;
  /** What the rules of the agents deny in this directory. */
  denials(): Promise<Denials>;
  /** One connection to the event stream, until it breaks or `signal` aborts; see `events.ts`. */
  eventStream(options: { signal: AbortSignal }): Promise<EventStream>;
}

interface EventStream {
  readonly body: ReadableStream<Uint8Array>;
  /** Reads the `data` of one event; throws where that is malformed. Of this connection alone. */
  readonly decode: (data: string) => readonly AgentEvent[];
}

/** A provider and its models, as `provider/model`. */
export interface Provider {
  id: string;
  /** False for the free models that OpenCode offers without a login. */
  hasCredentials: boolean;
  models: readonly string[];
  bestModel?: string;
}
