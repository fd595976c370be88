/**
 * One request to OpenCode: scoped to its directory, authorised, bounded in time and size, and with
 * every way to fail turned into an `OpenCodeError`. Which requests there are is in `client.ts`.
 */

import { type Clock, deadline } from "../clock.ts";
import type { Hint } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { OpenCodeError } from "./error.ts";
import { failureMessage } from "./schema.ts";

export interface HttpOptions {
  /** The server's origin, such as `http://127.0.0.1:14096`; checked, since it gets the password. */
  readonly url: string;
  /** Real path of the project root: a symlink's path is another instance up to 1.1 (measured). */
  readonly directory: string;
  readonly password?: string;
  /** Default: `opencode`, as the server's. */
  readonly username?: string;
  readonly clock: Clock;
  /** How long a request may take unless it says otherwise. Default: 10 s. */
  readonly requestTimeoutMs?: number;
  /** Default: `fetch`. For a server in this process, which on a clock of its own needs no network. */
  readonly transport?: Transport;
}

/** Sends one request, as `fetch` does. */
export type Transport = (url: URL, init: RequestInit) => Promise<Response>;

export interface RequestOptions {
  /** Completes the sentence `cannot …` in errors. Holds no raw foreign text. */
  readonly what: string;
  readonly method?: "GET" | "POST" | "DELETE";
  readonly search?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

export interface Http {
  readonly url: string;
  readonly directory: string;
  /** The reply's JSON; undefined for 204. Throws `OpenCodeError`. */
  request(path: string, options: RequestOptions): Promise<unknown>;
  /** The body of an event stream, open until `signal` aborts. Throws `OpenCodeError`. */
  stream(path: string, options: { signal: AbortSignal }): Promise<ReadableStream<Uint8Array>>;
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** Far above any turn's messages; keeps a runaway reply from taking the worker's memory. */
const REPLY_BYTES_MAX = 32 * 1024 * 1024;
/** Of the server's own words in a message. */
const FOREIGN_TEXT_MAX = 200;

/** A proxy that asks for more is asked again all the same. */
const RETRY_AFTER_MAX_MS = 60_000;

const REFUSED = "connection refused";
const NO_SUCH_HOST = "its host name is not known";
const NEVER_CONNECTED: ReadonlySet<string> = new Set([REFUSED, NO_SUCH_HOST]);

const LOOK_AT_THE_LOG: Hint = {
  text: "see what it says",
  command: "journalctl --user -u opencode -n 50",
};

/** A client of one server, as one project sees it. */
export function createHttp(options: HttpOptions): Http {
  const { clock, directory, url: base, transport = fetch } = options;
  const where = `OpenCode at ${base}`;
  const headers = scopeAndAuthorisation(options);

  /** Sends, and hands back a reply with a 2xx status. */
  async function send(
    path: string,
    request: RequestOptions & { signal: AbortSignal; accept: string },
  ): Promise<Response> {
    const url = new URL(base + path);
    // Servers decode the query twice, so that a `%` needs the header (measured, 1.1.53 to 1.18.33).
    if (!directory.includes("%")) url.searchParams.set("directory", directory);
    for (const [name, value] of Object.entries(request.search ?? {})) {
      url.searchParams.set(name, value);
    }
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const response = await transport(url, {
      method: request.method ?? "GET",
      headers: {
        ...headers,
        accept: request.accept,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      // As a stream it cannot be sent again. Deno repeats any other request, POST too, whose
      // connection broke before the answer (2.7.11, 2.9.6, measured): a prompt would run twice.
      body: body === undefined ? undefined : new Blob([body]).stream(),
      redirect: "manual",
      signal: request.signal,
    });
    if (response.ok) return response;
    throw statusError(response, { body: await readText(response), what: request.what });
  }

  /** Runs one request under its deadline. */
  async function bounded<T>(
    request: RequestOptions,
    run: (signal: AbortSignal) => Promise<T>,
    outer?: AbortSignal,
  ): Promise<T> {
    const timeoutMs = request.timeoutMs ?? options.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    const limit = deadline(clock, timeoutMs, outer);
    try {
      return await run(limit.signal);
    } catch (error) {
      if (error instanceof OpenCodeError) throw error;
      if (limit.signal.aborted && !outer?.aborted) {
        throw new OpenCodeError(
          "timeout",
          `cannot ${request.what}: ${where} did not answer within ${timeoutMs / 1000} s`,
          { hints: [LOOK_AT_THE_LOG], cause: error },
        );
      }
      throw connectionError(error);
    } finally {
      limit.cancel();
    }
  }

  function statusError(
    { status, headers }: Response,
    { body, what }: { body: string; what: string },
  ): OpenCodeError {
    const said = serverMessage(body);
    const failed = `cannot ${what}: ${where} answered ${status}${said && `: ${said}`}`;
    const retryAfterMs = retryAfter(headers.get("retry-after"), clock.now());
    if (status === 401) {
      const message = options.password === undefined
        ? `${where} asks for a password, and none was sent`
        : `${where} refused the user name or the password that was sent`;
      const text = "set OPENCODE_SERVER_PASSWORD to the password that the server was started with";
      return new OpenCodeError("unauthorized", message, { hints: [{ text }] });
    }
    if (status < 400) return notOpenCode();
    if (status === 404) {
      // OpenCode says so in JSON (1.1.53 to 1.18.33, measured); a proxy's page proves nothing.
      if (!isJson(body)) return notOpenCode();
      return new OpenCodeError("refused", failed, { kind: "not_found" });
    }
    if (status === 429) return new OpenCodeError("overloaded", failed, { retryAfterMs });
    if (status < 500) return new OpenCodeError("refused", failed, { kind: "failed" });
    return new OpenCodeError("server_error", failed, { hints: [LOOK_AT_THE_LOG], retryAfterMs });
  }

  function connectionError(error: unknown): OpenCodeError {
    const reason = innermostReason(error);
    if (/invalid HTTP/i.test(reason)) return notOpenCode(error);
    return new OpenCodeError("unreachable", `cannot reach ${where}: ${reason}`, {
      hints: [{
        text: "Start with",
        command: "systemctl --user start opencode",
      }],
      cause: error,
      mayHaveArrived: !NEVER_CONNECTED.has(reason),
    });
  }

  function notOpenCode(cause?: unknown): OpenCodeError {
    return notOpenCodeAt(base, cause);
  }

  return {
    url: base,
    directory,

    request: (path, request) =>
      bounded(request, async (signal) => {
        const response = await send(path, { ...request, signal, accept: "application/json" });
        const text = await readText(response);
        if (response.status === 204) return undefined;
        if (!isOfType(response, "application/json")) throw notOpenCode();
        try {
          return JSON.parse(text);
        } catch (cause) {
          throw garbledReply(base, request.what, "it is not JSON", cause);
        }
      }),

    stream: (path, { signal }) => {
      const request: RequestOptions = { what: "follow the events" };
      return bounded(request, async (limited) => {
        const response = await send(path, {
          ...request,
          signal: limited,
          accept: "text/event-stream",
        });
        if (response.body && isOfType(response, "text/event-stream")) return response.body;
        await response.body?.cancel();
        throw notOpenCode();
      }, signal);
    },
  };
}

/** What answered on `url` does not behave as OpenCode. */
export function notOpenCodeAt(url: string, cause?: unknown): OpenCodeError {
  const port = new URL(url).port || "80";
  return new OpenCodeError("not_opencode", `something else than OpenCode answers on ${url}`, {
    hints: [{
      text: "see what it is",
      command: `ss -ltnp 'sport = :${port}'`,
    }],
    cause,
  });
}

/** A reply that lacks what is needed. `why` holds no raw foreign text. */
export function garbledReply(
  url: string,
  what: string,
  why: string,
  cause?: unknown,
): OpenCodeError {
  return new OpenCodeError(
    "garbled",
    `cannot ${what}: the reply of OpenCode at ${url} is not understood: ${why}`,
    {
      hints: [{
        text: "versions 1.1.53 to 1.18 are supported; see which one this is",
        command: "opencode --version",
      }],
      cause,
    },
  );
}

function scopeAndAuthorisation(options: HttpOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  if (options.directory.includes("%")) {
    headers["x-opencode-directory"] = encodeURIComponent(options.directory);
  }
  if (options.password !== undefined) {
    const pair = new TextEncoder().encode(
      `${options.username ?? "opencode"}:${options.password}`,
    );
    headers.authorization = `Basic ${btoa(String.fromCharCode(...pair))}`;
  }
  return headers;
}

function isOfType(response: Response, type: string): boolean {
  return response.headers.get("content-type")?.toLowerCase().startsWith(type) ?? false;
}

async function readText(response: Response): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > REPLY_BYTES_MAX) {
      throw new OpenCodeError(
        "garbled",
        `OpenCode sent a reply of more than ${REPLY_BYTES_MAX / 1024 / 1024} MiB`,
      );
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** `Retry-After` of RFC 9110, 10.2.3: seconds or a date; in milliseconds, 60 s at most. */
function retryAfter(header: string | null, now: number): number {
  const text = header?.trim() ?? "";
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), RETRY_AFTER_MAX_MS);
}

/** The server's own words on a failure, made safe and short; empty for a page of HTML. */
function serverMessage(body: string): string {
  let said: string | undefined;
  try {
    said = failureMessage(JSON.parse(body));
  } catch {
    said = body.trimStart().startsWith("<") ? undefined : body;
  }
  return said === undefined ? "" : plain(said.trim(), FOREIGN_TEXT_MAX);
}

/** `connection refused` out of the several layers that `fetch` wraps round it. */
function innermostReason(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  const text = inner instanceof Error ? inner.message : String(inner);
  const reason = text.split(/client error \(\w+\): /).at(-1) ?? text;
  if (/connection refused/i.test(reason)) return REFUSED;
  if (/connection reset|closed|reading a body/i.test(reason)) return "the connection broke";
  if (/dns error/i.test(reason)) return NO_SUCH_HOST;
  return plain(reason, FOREIGN_TEXT_MAX);
}
