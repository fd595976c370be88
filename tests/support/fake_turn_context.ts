/** What all that happens in a turn of the fake server needs: its session, its clock, its voice. */
import { type Clock, sleep } from "../../src/clock.ts";
import type { FakeScript } from "./fake_script.ts";
import {
  type AgentError,
  type Instance,
  instanceOf,
  type Life,
  type Message,
  type Note,
  type Session,
  type Status,
} from "./fake_state.ts";
import type { Tools } from "./fake_tools.ts";

/** Durations in milliseconds of the fake's clock. */
export interface Timings {
  /** From the reply to a prompt to its message; 1.18.33 took 1.3 s cold, 6 s under load (measured). */
  promptMs: number;
  /** From there to the beginning of the work. An abort before that is lost. */
  startMs: number;
  /** Of a model call, beside what its reply says. */
  callMs: number;
  /** From the idle status to the error in the message; up to 4 s under load (measured). */
  errorMs: number;
  /** From what a message used to its completion: an abort meanwhile is its error (1.18.34, measured). */
  finishMs: number;
}

/** What a turn needs of the server. */
export interface TurnWorld {
  readonly clock: Clock;
  readonly timings: Timings;
  /** Behaves as 1.1.53, not as 1.18.33. */
  isOld(): boolean;
  readonly tools: Tools;
  readonly script: FakeScript;
  readonly id: (prefix: string) => string;
  readonly emit: (directory: string, type: string, properties: unknown) => void;
  readonly note: Note;
  createSession(options: { directory: string; title: string; parentID?: string }): Session;
  /** Starts a turn of a session, after the one that is at work there. */
  startNext(request: TurnRequest): void;
}

export interface TurnRequest {
  readonly session: Session;
  readonly text: string;
  readonly model: { readonly providerID: string; readonly modelID: string };
  readonly agent: string;
  /** Set for a sub-agent's. */
  readonly rootSessionId?: string;
}

/** Ends a turn from outside. */
export class Cut extends Error {
  constructor(readonly how: "aborted" | "lost") {
    super(how);
  }
}

/** Ends a turn by the provider's, or the user's, refusal. */
export class TurnError extends Error {
  constructor(readonly error: AgentError) {
    super(error.data.message);
  }
}

export interface TurnContext {
  readonly world: TurnWorld;
  readonly life: Life;
  readonly request: TurnRequest;
  readonly old: boolean;
  readonly sessionID: string;
  readonly directory: string;
  readonly rootSessionId: string;
  readonly instance: Instance;
  /** The newest message of the user's. */
  prompt: string;
  /** What the tools have returned since then. */
  readonly outputs: string[];
  /** Settles with somebody's leave or answer; set while the turn waits for it. */
  asking?: Promise<unknown>;
  /** Finishes the part that was being written when the turn was cut short. */
  closePart: () => void;
  /** Aborts with the turn. */
  readonly signal: AbortSignal;
  /** Cuts the turn short: whatever it waits for fails. */
  cut(how: Cut["how"]): void;
  /** Waits for `work`. Throws `Cut` when the turn ends first. */
  during<T>(work: T | Promise<T>): Promise<T>;
  pause(ms: number): Promise<void>;
  /** Sends an event. */
  emit(type: string, properties: object): void;
  /** The same for those that name their OpenCode session only since 1.2. */
  tell(type: string, properties: object): void;
  tellMessage(message: Message): void;
  /** Sets and tells what the OpenCode session does; undefined: nothing. */
  setStatus(status?: Status): void;
  fail(error: AgentError): void;
  addMessage(role: "user" | "assistant"): Message;
  /** The head of a new part. */
  partOf(message: Message): { id: string; sessionID: string; messageID: string };
}

export function createTurnContext(
  world: TurnWorld,
  life: Life,
  request: TurnRequest,
): TurnContext {
  const { clock, id } = world;
  const { id: sessionID, directory } = request.session.info;
  const instance = instanceOf(life, directory);
  const old = world.isOld();
  const aborting = new AbortController();
  const end = Promise.withResolvers<never>();
  end.promise.catch(() => {}); // nobody waits while the turn does something else

  const during = <T>(work: T | Promise<T>): Promise<T> => Promise.race([end.promise, work]);
  const emit = (type: string, properties: object) => world.emit(directory, type, properties);
  const tell = (type: string, properties: object) =>
    emit(type, old ? properties : { sessionID, ...properties });
  const tellMessage = ({ info }: Message) => tell("message.updated", { info });

  return {
    world,
    life,
    request,
    old,
    sessionID,
    directory,
    rootSessionId: request.rootSessionId ?? sessionID,
    instance,
    prompt: request.text,
    outputs: [],
    closePart: () => {},
    signal: aborting.signal,
    during,
    emit,
    tell,
    tellMessage,

    cut(how) {
      if (how === "aborted") aborting.abort();
      end.reject(new Cut(how));
    },

    async pause(ms) {
      const over = new AbortController();
      try {
        await during(sleep(clock, ms, over.signal));
      } finally {
        over.abort();
      }
    },

    setStatus(status) {
      if (status) instance.status.set(sessionID, status);
      else instance.status.delete(sessionID);
      emit("session.status", { sessionID, status: status ?? { type: "idle" } });
      if (!status) emit("session.idle", { sessionID });
    },

    fail: (error) => emit("session.error", { sessionID, error }),

    addMessage(role) {
      const { providerID, modelID } = request.model;
      const tokens = { input: 0, output: 0, reasoning: 0, cache: { read: 0, write: 0 } };
      const head = { id: id("msg"), sessionID, role, time: { created: clock.now() } };
      const added: Message = {
        info: role === "user" ? head : { ...head, providerID, modelID, cost: 0, tokens },
        parts: [],
      };
      request.session.messages.push(added);
      tellMessage(added);
      return added;
    },

    partOf: ({ info }) => ({ id: id("prt"), sessionID, messageID: info.id }),
  };
}
