/**
 * A turn of the fake OpenCode 2: the messages and events of a real one, in their order, as a build of
 * 2026-07 was measured to make them. The agent does what its script says.
 */
import { sleep } from "../../src/clock.ts";
import { MODELS } from "./fake_turn.ts";
import { runToolCall } from "./fake_v2_tools.ts";
import type {
  Assistant,
  Compaction,
  Outcome,
  Running,
  StructuredError,
  V2Life,
  V2Session,
  V2World,
} from "./fake_v2_state.ts";
import type { Reply, ToolCall, Usage } from "./scripted_model.ts";

export const V2_AGENTS = [
  {
    id: "build",
    mode: "primary",
    hidden: false,
    permissions: [{ action: "*", resource: "*", effect: "allow" }],
  },
  {
    id: "plan",
    mode: "primary",
    hidden: false,
    permissions: [{ action: "edit", resource: "*", effect: "deny" }],
  },
  { id: "general", mode: "subagent", hidden: false, permissions: [] },
];
const DEFAULT_USAGE: Usage = { prompt: 1000, cached: 200, completion: 50, reasoning: 10 };
const ATTEMPTS_MAX = 5;
const SILENCE_MS = 300_000;
const FINISHES: Readonly<Record<string, string>> = { tool_calls: "tool-calls" };
const ABORTED: StructuredError = { type: "aborted", message: "Step interrupted" };

/** Cuts a turn short. */
export class Cut extends Error {
  constructor(readonly reason: "user" | "shutdown" | "lost") {
    super(reason);
  }
}

/** Ends a turn by an error of the provider or of the server. */
export class Failure extends Error {
  constructor(readonly error: StructuredError) {
    super(error.message);
  }
}

export interface TurnContext {
  readonly world: V2World;
  readonly life: V2Life;
  readonly session: V2Session;
  readonly rootSessionId: string;
  readonly signal: AbortSignal;
  readonly children: Set<Running>;
  readonly outputs: string[];
  emit(type: string, data: object): void;
  during<T>(work: T | Promise<T>): Promise<T>;
  pause(ms: number): Promise<void>;
  cut(reason: Cut["reason"]): void;
}

/** Begins to work on what is in the session's inbox, unless it does so already. */
export function startExecution(
  world: V2World,
  life: V2Life,
  { session, rootSessionId = session.id }: { session: V2Session; rootSessionId?: string },
): Running {
  const running = life.active.get(session.id);
  if (running) return running;
  const turn = contextOf(world, life, { session, rootSessionId });
  const started: Running = {
    abort: (reason = "user") => turn.cut(reason),
    done: Promise.resolve().then(() => execute(turn)),
  };
  life.active.set(session.id, started);
  return started;
}

function contextOf(
  world: V2World,
  life: V2Life,
  { session, rootSessionId }: { session: V2Session; rootSessionId: string },
): TurnContext {
  const aborting = new AbortController();
  const end = Promise.withResolvers<never>();
  end.promise.catch(() => {}); // nobody waits while the turn does something else
  const during = <T>(work: T | Promise<T>): Promise<T> => Promise.race([end.promise, work]);
  return {
    world,
    life,
    session,
    rootSessionId,
    signal: aborting.signal,
    children: new Set(),
    outputs: [],
    emit: (type, data) => world.emit(type, { sessionID: session.id, ...data }, session.directory),
    during,
    async pause(ms) {
      const over = new AbortController();
      try {
        await during(sleep(world.host.clock, ms, over.signal));
      } finally {
        over.abort();
      }
    },
    cut(reason) {
      // What a dead server's tools began runs on.
      if (reason !== "lost") aborting.abort();
      end.reject(new Cut(reason));
    },
  };
}

async function execute(turn: TurnContext): Promise<void> {
  const { world: { host }, life, session } = turn;
  const lose = () => turn.cut("lost");
  if (life.ended.signal.aborted) lose();
  life.ended.signal.addEventListener("abort", lose);
  const ended = await workOff(turn).then(
    () => ({ outcome: "succeeded" as const }),
    (error) => {
      if (error instanceof Cut) return { outcome: "interrupted" as const, reason: error.reason };
      if (error instanceof Failure) return { outcome: "failed" as const, error: error.error };
      throw error;
    },
  );
  life.ended.signal.removeEventListener("abort", lose);
  const isLost = "reason" in ended && ended.reason === "lost";
  const how = { succeeded: "finished", failed: "error", interrupted: "aborted" } as const;
  if (!isLost) finish(turn, ended);
  host.note({
    type: "turn_ended",
    sessionId: session.id,
    how: isLost ? "lost" : how[ended.outcome],
  });
}

function finish(
  turn: TurnContext,
  ended: { outcome: Outcome; reason?: string; error?: StructuredError },
): void {
  const { world: { host, moves, emit }, life, session } = turn;
  const { outcome, reason, error } = ended;
  life.active.delete(session.id);
  const at = host.clock.now();
  session.updated = at;
  if (moves().outcome) session.ended = { outcome, at };
  if (moves().idleMessages) {
    session.messages.push({
      id: host.id("msg"),
      type: "idle",
      time: { created: at },
      outcome,
      ...error && { error },
    });
  }
  // Without a location (measured).
  emit(`session.execution.${outcome}`, { sessionID: session.id, reason, error });
}

/** Takes up what is in the inbox, and what comes into it meanwhile. */
async function workOff(turn: TurnContext): Promise<void> {
  const { world: { host, moves, emit }, session } = turn;
  await turn.pause(host.timings.promptMs);
  emit("session.execution.started", { sessionID: session.id });
  host.note({ type: "turn_began", sessionId: session.id });
  const agent = session.agent ?? host.defaultAgent ?? "build";
  if (!V2_AGENTS.some(({ id }) => id === agent)) {
    throw new Failure({ type: "unknown", message: `Agent not found: "${agent}"` });
  }
  while (session.inbox.length > 0) {
    await turn.pause(host.timings.startMs);
    const [first] = session.inbox.splice(0, 1);
    turn.outputs.length = 0;
    session.messages.push({ ...first, time: { created: host.clock.now() } });
    turn.emit(moves().inbox.promoted, { inputID: first.id });
    const model = session.model ?? { providerID: "fake", id: "ok" };
    if (model.providerID !== "fake" || !(model.id in MODELS)) {
      const message = `Model unavailable: ${model.providerID}/${model.id}`;
      throw new Failure({ type: "provider.no-route", message });
    }
    do await shorten(turn, model.id); while (
      await step(turn, first.text) && session.inbox.length === 0
    );
  }
}

/** Of the model `tiny`. */
const CONTEXT_MAX = 8_192 - 1_024;

/** Where the last answer has filled what the model takes: one more call of it, which is no message. */
async function shorten(turn: TurnContext, model: string): Promise<void> {
  const { world: { host }, session } = turn;
  const last = session.messages.findLast(({ type }) => type !== "user");
  const { tokens } = (last?.type === "assistant" ? last : {}) as Partial<Assistant>;
  const total = tokens ? tokens.input + tokens.output + tokens.reasoning + tokens.cache.read : 0;
  if (model !== "tiny" || total < CONTEXT_MAX) return;
  const eventId = host.id("evt");
  const message: Compaction = {
    id: eventId.replace("evt_", "msg_"),
    type: "compaction",
    status: "running",
    reason: "auto",
    time: { created: host.clock.now() },
  };
  session.messages.push(message);
  const tell = (what: string, own?: string) =>
    turn.world.emit(
      `session.compaction.${what}`,
      { sessionID: session.id, reason: "auto" },
      session.directory,
      own,
    );
  tell("started", eventId);
  await turn.pause(host.timings.callMs);
  message.status = "completed";
  count(turn, used(DEFAULT_USAGE));
  tell("ended");
}

/** The server counts it of the session, and says so to all (measured: without a location). */
function count({ world, session }: TurnContext, more: ReturnType<typeof used>): void {
  const { cost, tokens } = session.used;
  session.used = {
    cost: cost + more.cost,
    tokens: {
      input: tokens.input + more.tokens.input,
      output: tokens.output + more.tokens.output,
      reasoning: tokens.reasoning + more.tokens.reasoning,
      cache: { read: tokens.cache.read + more.tokens.cache.read, write: 0 },
    },
  };
  world.emit("session.usage.updated", { sessionID: session.id, ...session.used });
}

/** One message of the agent. True when another is to follow. */
async function step(turn: TurnContext, prompt: string): Promise<boolean> {
  const { world, session } = turn;
  let message: Assistant | undefined;
  try {
    for (let attempt = 1;; attempt++) {
      const reply = await ask(turn, prompt);
      if (reply.kind === "silence") await turn.pause(SILENCE_MS);
      message ??= beginMessage(turn);
      const failed = reply.kind === "stream"
        ? await receive(turn, message, reply)
        : reply.kind === "silence"
        ? { type: "provider.transport", message: "no answer" }
        : refusal(reply);
      if (!failed) return message.finish === "tool-calls";
      const isLast = !RETRIED.includes(failed.type) || attempt === ATTEMPTS_MAX;
      if (isLast) throw new Failure(failed);
      await waitForProvider(turn, message, { attempt, failed, reply });
    }
  } catch (error) {
    if (!message || message.time.completed !== undefined) throw error;
    const isLost = error instanceof Cut && error.reason === "lost";
    // Measured: an interrupt while the provider is waited for leaves the message open forever.
    if (isLost || (error instanceof Cut && message.retry)) throw error;
    const failure = error instanceof Failure ? error.error : ABORTED;
    message.time.completed = world.host.clock.now();
    message.finish = "error";
    message.error = failure;
    turn.emit("session.step.failed", { assistantMessageID: message.id, error: failure });
    throw error;
  } finally {
    session.updated = world.host.clock.now();
  }
}

const RETRIED = ["provider.rate-limit", "provider.internal", "provider.transport"];

async function waitForProvider(
  turn: TurnContext,
  message: Assistant,
  { attempt, failed, reply }: { attempt: number; failed: StructuredError; reply: Reply },
): Promise<void> {
  const { clock } = turn.world.host;
  const wanted = reply.kind === "http" ? 1_000 * Number(reply.headers["retry-after"] ?? 0) : 0;
  const waitMs = Math.max(wanted, 1_000 * 2 ** attempt);
  const retry = { attempt: attempt + 1, at: clock.now() + waitMs, error: failed };
  message.retry = retry;
  turn.emit("session.retry.scheduled", { assistantMessageID: message.id, ...retry });
  await turn.pause(waitMs);
  delete message.retry;
}

async function ask(turn: TurnContext, prompt: string): Promise<Reply> {
  const { world: { host }, session, outputs, rootSessionId } = turn;
  host.note({ type: "model_call", sessionId: session.id });
  await turn.pause(host.timings.callMs);
  const isSubagent = rootSessionId !== session.id;
  return await turn.during(host.script({
    model: session.model?.id ?? "ok",
    prompt,
    step: outputs.length,
    tools: [...Object.keys(host.tools), ...isSubagent ? [] : ["subagent"]],
    toolOutputs: [...outputs],
    lastToolOutput: outputs.at(-1) ?? "",
    isSubagent,
    signal: turn.signal,
    directory: session.directory,
    sessionId: session.id,
    rootSessionId,
  }));
}

/** What comes without an event is a stream that has ended, whatever it says (measured). */
const BROKEN_OFF: StructuredError = {
  type: "provider.invalid-output",
  message: "Provider stream ended without a terminal finish event",
};

const unreadable = (message: string) => ({ type: "provider.invalid-output", message });

function refusal({ status, body }: Extract<Reply, { kind: "http" }>): StructuredError {
  if (status === 200) return BROKEN_OFF;
  const types: Readonly<Record<number, string>> = {
    400: "provider.invalid-request",
    401: "provider.auth",
    403: "provider.auth",
    404: "provider.invalid-request",
    429: "provider.rate-limit",
  };
  const type = types[status] ?? (status >= 500 ? "provider.internal" : "provider.unknown");
  const said = JSON.stringify(body);
  return {
    type: said.includes("insufficient_quota") ? "provider.quota" : type,
    message: `Provider request failed with HTTP ${status}: ${said}`,
  };
}

function beginMessage(turn: TurnContext): Assistant {
  const { world: { host }, session } = turn;
  const message: Assistant = {
    id: host.id("msg"),
    type: "assistant",
    agent: session.agent ?? host.defaultAgent ?? "build",
    model: session.model ?? { providerID: "fake", id: "ok" },
    content: [],
    time: { created: host.clock.now() },
  };
  session.messages.push(message);
  const { id: assistantMessageID, agent, model } = message;
  turn.emit("session.step.started", { assistantMessageID, agent, model });
  return message;
}

/** Writes the answer into the message. Hands back what was wrong with it. */
async function receive(
  turn: TurnContext,
  message: Assistant,
  reply: Extract<Reply, { kind: "stream" }>,
): Promise<StructuredError | undefined> {
  const calls: ToolCall[] = [];
  let finish: string | undefined;
  const writer = createWriter(turn, message);
  try {
    for (const step of reply.steps) {
      if ("waitMs" in step) await turn.pause(step.waitMs);
      else if ("hang" in step || "reset" in step) {
        if ("hang" in step) await turn.pause(SILENCE_MS);
        return unreadable("Failed to read fake/openai-compatible-chat stream");
      } else if ("raw" in step) {
        return unreadable("Invalid fake/openai-compatible-chat stream event");
      } else if ("finish" in step) finish = FINISHES[step.finish] ?? step.finish;
      else {
        writer.write("reasoning", step.delta.reasoning_content);
        writer.write("text", step.delta.content);
        calls.push(...toolCallsIn(step.delta));
      }
    }
  } finally {
    if (!turn.life.ended.signal.aborted) writer.close();
  }
  if (finish === undefined) return BROKEN_OFF;
  for (const call of calls) await runToolCall(turn, message, call);
  if (finish === "content_filter") {
    return { type: "provider.content-filter", message: "Provider blocked the response" };
  }
  message.time.completed = turn.world.host.clock.now();
  const { world: { moves }, session } = turn;
  const isFirst = session.messages.every((one) => one.type !== "assistant" || one === message);
  const usage = used(reply.usage ?? DEFAULT_USAGE);
  Object.assign(message, { finish, ...usage });
  turn.emit("session.step.ended", { assistantMessageID: message.id, finish, ...usage });
  count(turn, usage);
  // The model was asked for a title: the build of 2026-07 does not take the one that it is given.
  if (isFirst && !moves().title && session.parentID === undefined) count(turn, used(DEFAULT_USAGE));
}

function used({ prompt, cached, completion, reasoning }: Usage) {
  const [input, output] = [prompt - cached, completion - reasoning];
  const cost = (input * 3 + (output + reasoning) * 15 + cached * 0.3) / 1e6;
  return { cost, tokens: { input, output, reasoning, cache: { read: cached, write: 0 } } };
}

interface WireCall {
  readonly function: { readonly name: string; readonly arguments: string };
}

const toolCallsIn = (delta: Readonly<Record<string, unknown>>): ToolCall[] =>
  ((delta.tool_calls ?? []) as readonly WireCall[]).map((
    { function: { name, arguments: text } },
  ) => ({
    name,
    input: JSON.parse(text),
  }));

function createWriter(turn: TurnContext, message: Assistant) {
  let open: { type: "text" | "reasoning"; text: string; ordinal: number } | undefined;
  const told = (what: string, more: object) =>
    turn.emit(`session.${open?.type}.${what}`, {
      assistantMessageID: message.id,
      ordinal: open?.ordinal,
      ...more,
    });

  function close(): void {
    if (!open) return;
    message.content.push({ type: open.type, text: open.text });
    told("ended", { text: open.text });
    open = undefined;
  }

  return {
    close,
    write(type: "text" | "reasoning", delta: unknown): void {
      if (typeof delta !== "string" || delta === "") return;
      if (open?.type !== type) {
        close();
        open = { type, text: "", ordinal: message.content.length };
        told("started", {});
      }
      open.text += delta;
      told("delta", { delta });
    },
  };
}
