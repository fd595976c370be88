/** One call of the model in a turn of the fake server: what the script answers becomes parts. */
import type { AgentError, Message, TextPart } from "./fake_state.ts";
import { offeredTools } from "./fake_tool_calls.ts";
import type { TurnContext } from "./fake_turn_context.ts";
import type { Reply, ToolCall, Usage } from "./scripted_model.ts";

/** What one attempt to call the model came to. */
export type Answer =
  | { readonly finish: string; readonly usage: Usage; readonly calls: readonly ToolCall[] }
  /** `retryAfterMs`: asked again after that; 0: when the server sees fit. */
  | { readonly failed: AgentError; readonly retryAfterMs?: number };

/** As the scripted model claims. */
const DEFAULT_USAGE: Usage = { prompt: 1000, cached: 200, completion: 50, reasoning: 10 };
const READ_TIMEOUT_MS = 300_000;
const FINISHES: Readonly<Record<string, string>> = {
  tool_calls: "tool-calls",
  content_filter: "content-filter",
};

/** Asks the script, and writes what it answers into `message`. */
export async function askModel(turn: TurnContext, message: Message): Promise<Answer> {
  const { world, request, outputs, sessionID, rootSessionId } = turn;
  world.note({ type: "model_call", sessionId: sessionID });
  await turn.pause(world.timings.callMs);
  const reply = await turn.during(world.script({
    model: request.model.modelID,
    prompt: turn.prompt,
    step: outputs.length,
    tools: offeredTools(turn),
    toolOutputs: [...outputs],
    lastToolOutput: outputs.at(-1) ?? "",
    isSubagent: rootSessionId !== sessionID,
    signal: turn.signal,
    directory: turn.directory,
    sessionId: sessionID,
    rootSessionId,
  }));
  if (reply.kind === "http") return refusal(reply);
  return reply.kind === "silence"
    ? await silence(turn, "Provider response headers timed out after 300000ms")
    : await receive(turn, { message, reply });
}

function refusal({ status, body, headers }: Extract<Reply, { kind: "http" }>): Answer {
  const said = (body as { error?: { message?: string } } | undefined)?.error?.message;
  const isRetryable = status >= 429;
  const failed = {
    name: "APIError",
    data: {
      message: said ?? `HTTP ${status}`,
      statusCode: status,
      isRetryable,
      responseHeaders: headers,
    },
  };
  return { failed, ...(isRetryable && retryAfter(Number(headers["retry-after"] ?? 0))) };
}

const retryAfter = (seconds: number) => ({ retryAfterMs: 1_000 * seconds });

/** Nothing more comes. Only 1.18.33 notices (measured). */
async function silence({ old, during, pause }: TurnContext, message: string): Promise<Answer> {
  if (old) return await during(new Promise<never>(() => {}));
  await pause(READ_TIMEOUT_MS);
  return { failed: { name: "APIError", data: { message } }, ...retryAfter(0) };
}

async function receive(
  turn: TurnContext,
  { message, reply }: { message: Message; reply: Extract<Reply, { kind: "stream" }> },
): Promise<Answer> {
  const writer = createWriter(turn, message);
  const calls: ToolCall[] = [];
  let finish = "unknown";
  // 1.1.53 leaves the text of an aborted turn without an end (measured).
  if (!turn.old) turn.closePart = writer.close;
  for (const step of reply.steps) {
    if ("waitMs" in step) await turn.pause(step.waitMs);
    else if ("hang" in step) return await silence(turn, "SSE read timed out");
    else if ("reset" in step) {
      const data = { message: "The socket connection was closed unexpectedly" };
      return { failed: { name: "APIError", data }, ...retryAfter(0) };
    } else if ("raw" in step) {
      return garbage(turn, step.raw);
    } else if ("finish" in step) finish = FINISHES[step.finish] ?? step.finish;
    else {
      writer.write("reasoning", step.delta.reasoning_content);
      writer.write("text", step.delta.content);
      calls.push(...toolCallsIn(step.delta));
    }
  }
  writer.close();
  return { finish, usage: reply.usage ?? DEFAULT_USAGE, calls };
}

/** What is no part of an answer: an error inside it, which 1.18.33 asks again for, or no JSON. */
function garbage({ old }: TurnContext, raw: string): Answer {
  let error: unknown;
  try {
    ({ error } = JSON.parse(raw));
  } catch {
    const data = { message: `JSON parsing failed: Text: ${raw}.` };
    return { failed: { name: "UnknownError", data } };
  }
  const said = old ? (error as { message: string }).message : error;
  const failed = { name: "UnknownError", data: { message: JSON.stringify(said) } };
  return { failed, ...!old && retryAfter(0) };
}

interface WireCall {
  readonly function: { readonly name: string; readonly arguments: string };
}

function toolCallsIn(delta: Readonly<Record<string, unknown>>): ToolCall[] {
  const calls = (delta.tool_calls ?? []) as readonly WireCall[];
  return calls.map((call) => ({
    name: call.function.name,
    input: JSON.parse(call.function.arguments),
  }));
}

/**
 * Writes the parts of one answer. From 1.2 on a text is kept only when it is complete; 1.1.53
 * completes thinking together with the text that follows (measured).
 */
function createWriter({ world, old, tell, partOf }: TurnContext, message: Message) {
  const open: { readonly part: TextPart; text: string }[] = [];

  function close(): void {
    for (const { part, text } of open.splice(0)) {
      part.text = text;
      if (part.time) part.time.end = world.clock.now();
      tell("message.part.updated", { part });
    }
  }

  function begin(type: "text" | "reasoning") {
    if (!old) close();
    const part = { ...partOf(message), type, text: "", time: { start: world.clock.now() } };
    message.parts.push(part);
    if (!old) tell("message.part.updated", { part });
    const writing = { part, text: "" };
    open.push(writing);
    return writing;
  }

  return {
    close,
    write(type: "text" | "reasoning", delta: unknown): void {
      if (typeof delta !== "string" || delta === "") return;
      const last = open.at(-1);
      const writing = last?.part.type === type ? last : begin(type);
      writing.text += delta;
      const { part } = writing;
      if (old) {
        part.text = writing.text;
        tell("message.part.updated", { part, delta });
      } else {
        const { id: partID, messageID } = part;
        tell("message.part.delta", { messageID, partID, field: "text", delta });
      }
    },
  };
}
