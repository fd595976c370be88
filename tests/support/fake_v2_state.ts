/** What the fake OpenCode 2 keeps, in the shapes in which a build of 2026-07 was seen to send it. */
import type { FakeHost } from "./fake_opencode.ts";

/** What moved from one release to the next. `local`: the build of 2026-07, older than all of them. */
export interface Moves {
  /** Where it says what it is. */
  readonly info: string;
  /** Unknown paths lead to the web page, as in all releases. */
  readonly page: boolean;
  /** A title and permissions that come with a new session are taken. */
  readonly title: boolean;
  readonly permissionKey: "reply" | "decision";
  readonly permissionAsked: string;
  readonly inbox: { readonly taken: string; readonly promoted: string };
  /** A session says how its last turn ended. */
  readonly outcome: boolean;
  /** So do its messages; and forms are listed at another path. */
  readonly idleMessages: boolean;
  readonly forms: string;
  /** It tells its settings. */
  readonly config: boolean;
}

export function movesOf(version: string): Moves {
  const [, minor, patch] = /^2\.(\d+)\.(\d+)/.exec(version) ?? [];
  const release = patch === undefined ? -1 : Number(minor) > 0 ? Infinity : Number(patch);
  const since = <T>(first: number, then: T, before: T) => release >= first ? then : before;
  return {
    info: since(7, "/api/info", since(4, "/api/status", "/api/health")),
    page: since(0, true, false),
    title: since(5, true, false),
    permissionKey: since<"reply" | "decision">(10, "decision", "reply"),
    permissionAsked: since(12, "permission.asked", "permission.v2.asked"),
    inbox: since(
      12,
      { taken: "session.inbox.enqueued", promoted: "session.inbox.delivered" },
      { taken: "session.input.admitted", promoted: "session.input.promoted" },
    ),
    outcome: since(11, true, false),
    idleMessages: since(22, true, false),
    forms: since(22, "/api/form", "/api/form/request"),
    config: since(18, true, false),
  };
}

export interface StructuredError {
  readonly type: string;
  readonly message: string;
}

interface ToolPart {
  readonly type: "tool";
  readonly id: string;
  readonly name: string;
  state: {
    status: "running" | "completed" | "error";
    readonly input: Readonly<Record<string, unknown>>;
    content?: readonly { type: "text"; text: string }[];
    structured?: unknown;
    error?: StructuredError;
  };
  readonly time: { readonly created: number; ran?: number; completed?: number };
}

export interface Assistant {
  readonly id: string;
  readonly type: "assistant";
  readonly agent: string;
  readonly model: ModelRef;
  readonly content: ({ readonly type: "text" | "reasoning"; text: string } | ToolPart)[];
  readonly time: { readonly created: number; completed?: number };
  finish?: string;
  error?: StructuredError;
  retry?: { readonly attempt: number; readonly at: number; readonly error: StructuredError };
  cost?: number;
  tokens?: Tokens;
}

export interface Tokens {
  readonly input: number;
  readonly output: number;
  readonly reasoning: number;
  readonly cache: { readonly read: number; readonly write: number };
}

/** A conversation that was shortened. */
export interface Compaction {
  readonly id: string;
  readonly type: "compaction";
  status: "running" | "completed" | "failed";
  readonly reason: "auto";
  readonly time: { readonly created: number };
}

export type V2Message =
  | Assistant
  | Compaction
  | {
    readonly id: string;
    readonly type: "user" | "synthetic" | "idle" | "model-switched";
    readonly time: { readonly created: number };
    readonly [key: string]: unknown;
  };

export interface ModelRef {
  readonly providerID: string;
  readonly id: string;
}

export interface Rule {
  readonly action: string;
  readonly resource: string;
  readonly effect: "allow" | "ask" | "deny";
}

export interface V2Session {
  readonly id: string;
  readonly parentID?: string;
  title: string;
  readonly directory: string;
  readonly agent?: string;
  readonly model?: ModelRef;
  readonly permissions: readonly Rule[];
  readonly created: number;
  updated: number;
  /** Of all its calls of a model, those without a message too. */
  used: { readonly cost: number; readonly tokens: Tokens };
  ended?: { readonly outcome: Outcome; readonly at: number };
  readonly messages: V2Message[];
  /** What was handed over and is not taken up yet. */
  readonly inbox: { id: string; type: "user" | "synthetic"; text: string }[];
  readonly prompts: Map<string, string>;
}

export type Outcome = "succeeded" | "failed" | "interrupted";

/** Something that waits for its reply. */
export interface Pending {
  readonly request: { readonly id: string; readonly sessionID: string };
  readonly directory: string;
  readonly reply: (body: Record<string, unknown>) => void;
}

export interface Running {
  abort(reason?: "user" | "shutdown"): void;
  readonly done: Promise<void>;
}

export interface Shell {
  readonly id: string;
  readonly sessionId: string;
  readonly directory: string;
  readonly command: string;
  kill(): void;
}

/** One run of the server's process: none of it outlives that. */
export interface V2Life {
  readonly ended: AbortController;
  readonly active: Map<string, Running>;
  readonly permissions: Map<string, Pending>;
  readonly forms: Map<string, Pending>;
  readonly shells: Map<string, Shell>;
}

export const newV2Life = (): V2Life => ({
  ended: new AbortController(),
  active: new Map(),
  permissions: new Map(),
  forms: new Map(),
  shells: new Map(),
});

/** What a turn needs of the server. */
export interface V2World {
  readonly host: FakeHost;
  readonly moves: () => Moves;
  readonly emit: (type: string, data: unknown, directory?: string, eventId?: string) => void;
  isThere(sessionId: string): boolean;
  createSession(order: {
    directory: string;
    title: string;
    parentID?: string;
    agent?: string;
    model?: ModelRef;
    permissions?: readonly Rule[];
  }): V2Session;
}
