/** What the fake OpenCode server keeps, in the shapes in which real servers send it. */
import type { Clock } from "../../src/clock.ts";

export interface SessionInfo {
  readonly id: string;
  readonly slug: string;
  readonly projectID: string;
  readonly directory: string;
  readonly parentID?: string;
  readonly title: string;
  readonly version: string;
  readonly permission?: readonly Rule[];
  readonly time: { readonly created: number; updated: number };
}

export interface Rule {
  readonly permission: string;
  readonly pattern: string;
  readonly action: "allow" | "ask" | "deny";
}

export interface AgentError {
  readonly name: string;
  readonly data: { readonly message: string; readonly statusCode?: number };
}

export interface MessageInfo {
  readonly id: string;
  readonly sessionID: string;
  readonly role: "user" | "assistant";
  readonly time: { readonly created: number; completed?: number };
  readonly providerID?: string;
  readonly modelID?: string;
  finish?: string;
  error?: AgentError;
  cost?: number;
  tokens?: Tokens;
}

export interface Tokens {
  /** Not in 1.1.53. */
  readonly total?: number;
  readonly input: number;
  readonly output: number;
  readonly reasoning: number;
  readonly cache: { readonly read: number; readonly write: number };
}

interface PartHead {
  readonly id: string;
  readonly sessionID: string;
  readonly messageID: string;
}

export interface TextPart extends PartHead {
  readonly type: "text" | "reasoning";
  text: string;
  /** The agent's parts have one; the prompt's do not. */
  readonly time?: { readonly start: number; end?: number };
}

export interface ToolPart extends PartHead {
  readonly type: "tool";
  readonly tool: string;
  readonly callID: string;
  readonly state: {
    status: "running" | "completed" | "error";
    readonly input: Readonly<Record<string, unknown>>;
    readonly title: string;
    output?: string;
    error?: string;
    readonly time: { readonly start: number; end?: number };
  };
}

export interface Message {
  readonly info: MessageInfo;
  parts: (TextPart | ToolPart)[];
}

/** An OpenCode session with its messages: outlives the server. */
export interface Session {
  readonly info: SessionInfo;
  readonly messages: Message[];
}

export type Status =
  | { readonly type: "busy" }
  | {
    readonly type: "retry";
    readonly attempt: number;
    readonly message: string;
    readonly next: number;
  };

/** A permission or a question that waits for its reply. */
export interface Pending {
  /** The properties of its event, which the server also lists. */
  readonly request: { readonly id: string; readonly sessionID: string };
  readonly reply: (body: Record<string, unknown>) => void;
}

/** What the server knows of one directory while it runs. */
export interface Instance {
  readonly status: Map<string, Status>;
  readonly permissions: Map<string, Pending>;
  readonly questions: Map<string, Pending>;
}

/** One run of the server, from its start to its death: what does not outlive it. */
export interface Life {
  /** Aborts when the server dies: nothing of this life may change anything afterwards. */
  readonly ended: AbortController;
  readonly instances: Map<string, Instance>;
  readonly turns: Map<string, RunningTurn>;
  /** Sub-agents in the background, by the OpenCode session that they work for. */
  readonly background: Map<string, Set<RunningTurn>>;
}

export interface RunningTurn {
  /** False when the turn has not begun, and the abort is lost. */
  abort(): boolean;
  /** A prompt to a session at work: its agent's next step has it (1.1.53, 1.18.33, measured). */
  steer(text: string): void;
  /** When it is over, however it ended. */
  readonly done: Promise<void>;
}

export function newLife(): Life {
  return {
    ended: new AbortController(),
    instances: new Map(),
    turns: new Map(),
    background: new Map(),
  };
}

/** The life's instance for `directory`, made when it is first asked for. */
export function instanceOf(life: Life, directory: string): Instance {
  const known = life.instances.get(directory) ??
    { status: new Map(), permissions: new Map(), questions: new Map() };
  life.instances.set(directory, known);
  return known;
}

/** Something that had an effect, in the order in which it happened. `at` is wall time. */
export type LedgerEntry =
  & { readonly at: number }
  & (
    | {
      readonly type: "session_created";
      readonly sessionId: string;
      readonly directory: string;
      readonly title: string;
      /** Set for a sub-agent's. */
      readonly parentId?: string;
    }
    | { readonly type: "session_deleted"; readonly sessionId: string }
    /** The server took a prompt, whatever became of its reply. */
    | { readonly type: "prompt"; readonly sessionId: string; readonly text: string }
    | { readonly type: "turn_began"; readonly sessionId: string }
    | { readonly type: "model_call"; readonly sessionId: string }
    | {
      readonly type: "turn_ended";
      readonly sessionId: string;
      readonly how: "finished" | "error" | "aborted" | "lost";
    }
    /** `effective`: a turn was there, and had begun. */
    | { readonly type: "abort"; readonly sessionId: string; readonly effective: boolean }
    | {
      readonly type: "asked" | "answered";
      readonly requestId: string;
      readonly sessionId: string;
    }
    | { readonly type: "started"; readonly version: string }
    | { readonly type: "killed"; readonly turns: "lost" | "go_on" }
  );

type Entry = LedgerEntry extends infer Each ? Each extends unknown ? Omit<Each, "at"> : never
  : never;

/** Notes an entry of the ledger. */
export type Note = (entry: Entry) => void;

export function createLedger(clock: Clock): { entries: readonly LedgerEntry[]; note: Note } {
  const entries: LedgerEntry[] = [];
  return { entries, note: (entry) => entries.push({ ...entry, at: clock.now() } as LedgerEntry) };
}

/** Ascending ids, as the server's own are: `ses_`, `msg_`, `prt_`, `per_`, `que_`, `evt_`. */
export function createIds(): (prefix: string) => string {
  let count = 0;
  return (prefix) => `${prefix}_${(++count).toString(16).padStart(12, "0")}fake`;
}
