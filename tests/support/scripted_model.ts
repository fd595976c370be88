/**
 * A stand-in for the provider: an OpenAI-compatible chat.completions server on loopback, in this
 * process, whose every answer a script decides. OpenCode itself is always the real one.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { requestBody } from "./request_body.ts";

/** One call of the model, as a script sees it. */
export interface ModelRequest {
  /** The id without the provider: `ok` for `fake/ok`. */
  readonly model: string;
  /** The last user message. */
  readonly prompt: string;
  /** How many tool results came after that message: 0 at the first call of a turn. */
  readonly step: number;
  /** The names of the tools that the model is offered. */
  readonly tools: readonly string[];
  /** What those tool calls returned, in order. */
  readonly toolOutputs: readonly string[];
  /** The last of them, empty at step 0. */
  readonly lastToolOutput: string;
  /**
   * A sub-agent's conversation: OpenCode offers those no `task` tool (1.1.53, 1.18.33; measured), and
   * OpenCode 2 no `subagent`.
   */
  readonly isSubagent: boolean;
  /** Aborts when the client goes away before it has the whole answer. */
  readonly signal: AbortSignal;
}

/** What the model claims to have used. `prompt` includes `cached`, `completion` `reasoning`. */
export interface Usage {
  readonly prompt: number;
  readonly cached: number;
  readonly completion: number;
  readonly reasoning: number;
}

/** One step of a streamed answer. */
type Step =
  | { readonly delta: Readonly<Record<string, unknown>> }
  /** Closes the answer: the reason, the usage, `[DONE]`. */
  | { readonly finish: string }
  | { readonly raw: string }
  | { readonly waitMs: number }
  /** Nothing more, the connection open, until the client goes away. */
  | { readonly hang: true }
  /** The connection breaks. */
  | { readonly reset: true };

/** What the model answers. Made by the functions below; add `usage` with `{ ...say("x"), usage }`. */
export type Reply =
  | { readonly kind: "stream"; readonly steps: readonly Step[]; readonly usage?: Usage }
  | {
    readonly kind: "http";
    readonly status: number;
    readonly body: unknown;
    readonly headers: Readonly<Record<string, string>>;
  }
  | { readonly kind: "silence" };

/** Decides the answer to each call. An error that it throws comes out when the model is disposed. */
export type Script = (request: ModelRequest) => Reply | Promise<Reply>;

export interface ScriptedModel extends AsyncDisposable {
  /** The base URL for a provider of OpenCode, ending in `/v1`. */
  readonly url: string;
  /** What reached the script so far. */
  readonly requests: readonly ModelRequest[];
  setScript(script: Script): void;
}

export interface ToolCall {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

const DEFAULT_USAGE: Usage = { prompt: 1000, cached: 200, completion: 50, reasoning: 10 };

/** A text, and the end of the turn. `finish`: `stop`, `length`, `content_filter`. */
export function say(text: string, options: { finish?: string } = {}): Reply {
  return stream({ delta: { content: text } }, { finish: options.finish ?? "stop" });
}

/** Thinking, then a text, and the end of the turn. */
export function think(reasoning: string, text: string): Reply {
  return stream(
    { delta: { reasoning_content: reasoning } },
    { delta: { content: text } },
    { finish: "stop" },
  );
}

/** Tool calls, all in one message. OpenCode comes back with their results. */
export function call(...tools: readonly ToolCall[]): Reply {
  const steps = tools.map((tool, index) => ({
    delta: {
      tool_calls: [{
        index,
        id: `call_${crypto.randomUUID()}`,
        type: "function",
        function: { name: tool.name, arguments: JSON.stringify(tool.input) },
      }],
    },
  }));
  return stream(...steps, { finish: "tool_calls" });
}

/** A text in `chunks` pieces, one every `everyMs` milliseconds, and the end of the turn. */
export function slow(options: { chunks: number; everyMs: number }): Reply {
  const pieces = Array.from({ length: options.chunks }, (_, index): Step[] => [
    { delta: { content: `piece ${index + 1} ` } },
    { waitMs: options.everyMs },
  ]);
  return stream(...pieces.flat(), { finish: "stop" });
}

/** An answer that is no answer: the provider refuses. `body` is sent as JSON. */
export function httpError(
  status: number,
  body: unknown = { error: { message: `HTTP ${status} on purpose`, type: "scripted" } },
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return { kind: "http", status, body, headers };
}

/** Begins a text and never goes on. */
export function hang(text = "partial "): Reply {
  return stream({ delta: { content: text } }, { hang: true });
}

/** Takes the request and never answers. */
export function hangBeforeHeaders(): Reply {
  return { kind: "silence" };
}

/** Ends in good order, but without a reason: OpenCode up to 1.2 and 1.18.33 ask again forever. */
export function cutOff(text = "cut off"): Reply {
  return stream({ delta: { content: text } });
}

/** The connection breaks in the middle of a text. Not on Deno 2.7.11: there it hangs (measured). */
export function reset(text = "reset"): Reply {
  return stream({ delta: { content: text } }, { reset: true });
}

/** A chunk that is not JSON. */
export function malformed(text = "part "): Reply {
  return stream({ delta: { content: text } }, { raw: "{not json" }, { finish: "stop" });
}

/** An error inside an answer that began well. */
export function errorInAnswer(error: { message: string; code?: number }): Reply {
  return stream({ delta: { role: "assistant", content: "" } }, { raw: JSON.stringify({ error }) });
}

/** Nothing: no text, no tool call. */
export function empty(usage?: Usage): Reply {
  return { kind: "stream", steps: [{ finish: "stop" }], usage };
}

function stream(...steps: readonly Step[]): Reply {
  return { kind: "stream", steps };
}

/** Starts a model on a free port of 127.0.0.1. Disposing it breaks what is still open. */
export async function startModel(script: Script): Promise<ScriptedModel> {
  let current = script;
  const requests: ModelRequest[] = [];
  const failures: unknown[] = [];

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on("close", () => {
      if (!response.writableFinished) gone.abort();
    });
    const request = readRequest(JSON.parse(await requestBody(incoming)), gone.signal);
    // no tools: OpenCode wants a title, a summary of the prompt (1.1.53) or a compaction
    if (request.tools.length === 0) return await respond(response, request, say("Summary"));
    requests.push(request);
    let reply: Reply;
    try {
      reply = await current(request);
    } catch (error) {
      failures.push(error);
      reply = httpError(400);
    }
    await respond(response, request, reply);
  }

  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((error) => {
      failures.push(error);
      response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    setScript(script) {
      current = script;
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
      if (failures.length > 0) throw failures[0];
    },
  };
}

type Content = string | readonly { readonly text?: string }[] | null;

interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: Content }[];
  readonly tools?: readonly { readonly function: { readonly name: string } }[];
}

function readRequest(chat: ChatRequest, signal: AbortSignal): ModelRequest {
  const lastUser = chat.messages.findLastIndex((message) => message.role === "user");
  const toolOutputs = chat.messages.slice(lastUser + 1)
    .filter((message) => message.role === "tool")
    .map((message) => textOf(message.content));
  const tools = (chat.tools ?? []).map((tool) => tool.function.name);
  return {
    model: chat.model,
    prompt: textOf(chat.messages[lastUser]?.content),
    step: toolOutputs.length,
    tools,
    toolOutputs,
    lastToolOutput: toolOutputs.at(-1) ?? "",
    isSubagent: !tools.includes("task") && !tools.includes("subagent"),
    signal,
  };
}

function textOf(content: Content | undefined): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => part.text ?? "").join("\n");
}

/** Resolves when the answer is sent, or the client has gone away. */
async function respond(
  response: ServerResponse,
  request: ModelRequest,
  reply: Reply,
): Promise<void> {
  if (reply.kind === "silence") return;
  if (reply.kind === "http") {
    response.writeHead(reply.status, { "content-type": "application/json", ...reply.headers });
    response.end(JSON.stringify(reply.body));
    return;
  }
  const send = (data: string) => response.write(`data: ${data}\n\n`);
  const chunk = chunkWriter(request.model);
  response.writeHead(200, { "content-type": "text/event-stream" });
  send(chunk({ role: "assistant", content: "" }));
  for (const step of reply.steps) {
    if (request.signal.aborted || "hang" in step) return;
    if ("delta" in step) send(chunk(step.delta));
    else if ("raw" in step) send(step.raw);
    else if ("waitMs" in step) await pause(step.waitMs, request.signal);
    else if ("reset" in step) response.destroy();
    else {
      send(chunk({}, step.finish, reply.usage ?? DEFAULT_USAGE));
      send("[DONE]");
    }
  }
  response.end();
}

/** Makes the JSON of the chunks of one answer. */
function chunkWriter(model: string) {
  const id = `chatcmpl-${crypto.randomUUID()}`;
  const created = Math.floor(Date.now() / 1000);
  return (delta: object, finish: string | null = null, usage?: Usage): string =>
    JSON.stringify({
      id,
      object: "chat.completion.chunk",
      created,
      model,
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...(usage && { usage: wireUsage(usage) }),
    });
}

function wireUsage(usage: Usage) {
  return {
    prompt_tokens: usage.prompt,
    completion_tokens: usage.completion,
    total_tokens: usage.prompt + usage.completion,
    prompt_tokens_details: { cached_tokens: usage.cached },
    completion_tokens_details: { reasoning_tokens: usage.reasoning },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish, { once: true });
  });
}
