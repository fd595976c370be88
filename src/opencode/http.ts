/**
 * One request to OpenCode: authorised, bounded in time and size, and with every way to fail turned
 * into an `OpenCodeError`. Which requests there are is in `v1/client.ts` and `v2/client.ts`.
 */

import { type Clock, deadline } from "../clock.ts";
import type { Hint } from "../error.ts";
import { isJson } from "../json.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { OpenCodeError } from "./error.ts";
import { failureMessage } from "./reply.ts";

export interface HttpOptions {
  /** The server's origin, such as `http://127.0.0.1:14096`; checked, since it gets the password. */
  readonly url: string;
  /** Real path of the project root: a symlink's path is another instance up to 1.1 (measured). */
  readonly directory: string;
  readonly password?: string;
  /** The file that it is from, where that is no variable's. */
  readonly passwordFile?: string;
  /** Why there is no password for this server although the user has one, and what to do. */
  readonly withheld?: { readonly why: string; readonly hint: Hint };
  /**
   * Looks whether the server is this user's. Throws `OpenCodeError` (`foreign`) where it is not: then
   * nothing is sent. False when nobody listens yet. Asked before the first request, and again after
   * one that failed and whenever an event stream ends: so long as the server lives, nobody else can
   * get its port.
   */
  readonly requireOwn?: () => Promise<boolean>;
  /** Default: `opencode`, as the server's. */
  readonly username?: string;
  readonly clock: Clock;
  /** The systemd unit of this user that listens there, if one does. Must not throw. */
  readonly unit?: () => Promise<string | undefined>;
  /** How long a request may take unless it says otherwise. Default: 10 s. */
  readonly requestTimeoutMs?: number;
  /** Of this machine's files, for the line at which OpenCode's settings are wrong. Must not throw. */
  readonly readText?: (path: string) => string | undefined;
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
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

export interface Http {
  readonly url: string;
  readonly directory: string;
  /** The reply's JSON; undefined for 204. Throws `OpenCodeError`. */
  request(path: string, options: RequestOptions): Promise<unknown>;
  /** The body of an event stream, open until `signal` aborts. Throws `OpenCodeError`. */
  stream(
    path: string,
    options: Pick<RequestOptions, "search" | "headers"> & { signal: AbortSignal },
  ): Promise<ReadableStream<Uint8Array>>;
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

/** Neither mending the file nor disposing of the instance is noticed (1.1.53, 1.18.33, measured). */
const MEND_AND_RESTART: Hint = {
  text: "mend the file; the server has read it once and for all, so then start it anew",
  command: "systemctl --user restart opencode",
};

/**
 * A client of one server, as one project sees it. `onLost` is called when the server may be another
 * one from now on: a request failed on its way, or an event stream ended that nobody here has ended.
 */
export function createHttp(options: HttpOptions, onLost: () => void = () => {}): Http {
  const { directory, url: base } = options;
  const { bounded, doubt, lose } = createBounds(options, onLost);
  return {
    url: base,
    directory,

    request: (path, request) =>
      bounded(request, async (signal) => {
        const response = await send(options, path, {
          ...request,
          signal,
          accept: "application/json",
        });
        const text = await readText(response);
        if (response.status === 204) return undefined;
        if (!isOfType(response, "application/json")) throw notOpenCodeAt(base);
        try {
          return JSON.parse(text);
        } catch (cause) {
          throw malformedReply(base, request.what, "it is not JSON", cause);
        }
      }),

    stream: (path, { signal, ...scope }) => {
      const request: RequestOptions = { what: "follow the events", ...scope };
      return bounded(request, async (limited) => {
        const response = await send(options, path, {
          ...request,
          signal: limited,
          accept: "text/event-stream",
        });
        if (response.body && isOfType(response, "text/event-stream")) {
          return watched(response.body, () => signal.aborted ? doubt() : lose());
        }
        await response.body?.cancel();
        throw notOpenCodeAt(base);
      }, signal);
    },
  };
}

/** `bounded` runs one request of a server that is the user's own, under its deadline. */
function createBounds(options: HttpOptions, onLost: () => void) {
  const { clock, url: base, requireOwn, requestTimeoutMs } = options;
  const silence = createSilence(options);
  let isOwn = requireOwn === undefined;
  const doubt = () => void (isOwn = requireOwn === undefined);

  function lose(): void {
    doubt();
    onLost();
  }

  async function bounded<T>(
    request: RequestOptions,
    run: (signal: AbortSignal) => Promise<T>,
    outer?: AbortSignal,
  ): Promise<T> {
    const timeoutMs = request.timeoutMs ?? requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    if (requireOwn && !isOwn) isOwn = await requireOwn();
    const limit = deadline(clock, timeoutMs, outer);
    try {
      const answer = await run(limit.signal);
      silence.end();
      return answer;
    } catch (error) {
      doubt();
      const isLate = limit.signal.aborted && !outer?.aborted;
      if (!isLate && !outer?.aborted) silence.end();
      if (error instanceof OpenCodeError) throw error;
      onLost();
      if (!isLate) throw connectionError(base, error);
      throw await silence.seen(timeoutMs) ?? new OpenCodeError(
        "timeout",
        `cannot ${request.what}: OpenCode at ${base} did not answer within ${timeoutMs / 1000} s`,
        { hints: [LOOK_AT_THE_LOG], cause: error },
      );
    } finally {
      limit.cancel();
    }
  }

  return { bounded, doubt, lose };
}

/** Longer than any load was seen to last: after it no server came back (1.18.33, measured). */
const HUNG_MS = 3 * 60_000;

/** For how long a server has taken connections, and answered no request. */
function createSilence({ clock, url, unit = () => Promise.resolve(undefined) }: HttpOptions) {
  let since: { monotonic: number; time: number } | undefined;
  return {
    end: () => void (since = undefined),
    /** Of a request that had no answer in `timeoutMs`: what there is to say once that goes on. */
    async seen(timeoutMs: number): Promise<OpenCodeError | undefined> {
      const now = clock.monotonic();
      since ??= { monotonic: now - timeoutMs, time: clock.now() - timeoutMs };
      if (now - since.monotonic < HUNG_MS) return undefined;
      const command = `systemctl --user restart ${shellWord(await unit() ?? "opencode")}`;
      const at = new Date(since.time).toISOString().slice(11, 16);
      return new OpenCodeError(
        "timeout",
        `OpenCode at ${url} hangs: it holds its port, and has answered nothing since ${at} UTC; ` +
          `\`${command}\` starts it anew`,
        { hints: [{ text: "start it anew", command }, LOOK_AT_THE_LOG] },
      );
    },
  };
}

/** The same stream; `onEnd` is called before its reader knows that it has ended, in whatever way. */
function watched(
  body: ReadableStream<Uint8Array>,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      const { value } = await reader.read().catch((error) => {
        onEnd();
        throw error;
      });
      if (value !== undefined) return controller.enqueue(value);
      onEnd();
      controller.close();
    },
    async cancel(reason) {
      onEnd();
      await reader.cancel(reason);
    },
  });
}

/** Where the server cannot use its settings, that; undefined for any other reply. */
async function misconfigured(
  body: string,
  { url, readText = () => undefined }: HttpOptions,
): Promise<OpenCodeError | undefined> {
  if (!/^\s*{"name":\s*"Config/.test(body) || !isJson(body)) return undefined;
  const { settingsFault } = await import("./settings_fault.ts");
  const fault = settingsFault(JSON.parse(body), readText);
  if (fault === undefined) return undefined;
  const message = `OpenCode at ${url} cannot use its settings in ${fault}`;
  return new OpenCodeError("misconfigured", message, { hints: [MEND_AND_RESTART] });
}

/** Sends, and hands back a reply with a 2xx status. */
async function send(
  options: HttpOptions,
  path: string,
  request: RequestOptions & { signal: AbortSignal; accept: string },
): Promise<Response> {
  const { url: base, transport = fetch } = options;
  const url = new URL(base + path);
  for (const [name, value] of Object.entries(request.search ?? {})) {
    url.searchParams.set(name, value);
  }
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const response = await transport(url, {
    method: request.method ?? "GET",
    headers: {
      ...authorisation(options),
      ...request.headers,
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
  const reply = await readText(response);
  throw await misconfigured(reply, options) ??
    statusError(options, response, { body: reply, what: request.what });
}

/** What a reply with a status that is no success means. */
function statusError(
  { url, clock, password, withheld }: HttpOptions,
  { status, headers }: Response,
  { body, what }: { body: string; what: string },
): OpenCodeError {
  const where = `OpenCode at ${url}`;
  const said = serverMessage(body);
  const failed = `cannot ${what}: ${where} answered ${status}${said && `: ${said}`}`;
  const retryAfterMs = retryAfter(headers.get("retry-after"), clock.now());
  if (status === 401) {
    const message = password === undefined
      ? `${where} asks for a password, and none was sent${withheld ? `: ${withheld.why}` : ""}`
      : `${where} refused the user name or the password that was sent`;
    const text = "set OPENCODE_SERVER_PASSWORD to the password that the server was started with";
    const doctor = { text: "see which one is wrong", command: "ralph doctor server.password" };
    const hints = withheld ? [withheld.hint] : [{ text }, doctor];
    return new OpenCodeError("unauthorized", message, { hints });
  }
  // Both generations have their methods right: 405 is the answer of the other one (measured).
  if (status < 400 || status === 405) return notOpenCodeAt(url);
  if (status === 404) {
    // OpenCode says so in JSON (1.1.53 to 1.18.33, measured); a proxy's page proves nothing.
    if (!isJson(body)) return notOpenCodeAt(url);
    return new OpenCodeError("refused", failed, { kind: "not_found" });
  }
  if (status === 429) return new OpenCodeError("overloaded", failed, { retryAfterMs });
  if (status < 500) return new OpenCodeError("refused", failed, { kind: "failed" });
  return new OpenCodeError("server_error", failed, { hints: [LOOK_AT_THE_LOG], retryAfterMs });
}

/** Why there is no reply. */
function connectionError(url: string, error: unknown): OpenCodeError {
  const reason = innermostReason(error);
  if (/invalid HTTP/i.test(reason)) return notOpenCodeAt(url, error);
  return new OpenCodeError("unreachable", `cannot reach OpenCode at ${url}: ${reason}`, {
    hints: [{
      text: "Start with",
      command: "systemctl --user start opencode",
    }],
    cause: error,
    mayHaveArrived: !NEVER_CONNECTED.has(reason),
  });
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
export function malformedReply(
  url: string,
  what: string,
  why: string,
  cause?: unknown,
): OpenCodeError {
  return new OpenCodeError(
    "malformed",
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

function authorisation({ username, password }: HttpOptions): Record<string, string> {
  if (password === undefined) return {};
  const pair = new TextEncoder().encode(`${username ?? "opencode"}:${password}`);
  return { authorization: `Basic ${btoa(String.fromCharCode(...pair))}` };
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
        "malformed",
        `OpenCode sent a reply of more than ${REPLY_BYTES_MAX / 1024 / 1024} MiB`,
      );
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
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
