/**
 * An HTTP proxy on loopback that records every request, and breaks those that a test chooses.
 * Deno 2.7.11 cannot break a connection from `node:http` (measured); 2.9.6 can.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { requestBody } from "./request_body.ts";

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: string;
}

/**
 * Answers a request in the server's place; `forward()` asks the server. When it throws, the
 * connection ends without an answer.
 */
export type Intercept = (
  request: RecordedRequest,
  forward: () => Promise<Response>,
) => Response | Promise<Response>;

/** To end an `Intercept` with: the connection ends without an answer. */
export function drop(): never {
  throw new Error("dropped on purpose");
}

/** To end an `Intercept` with: the connection stays open without an answer. */
export function withhold(): Promise<never> {
  return new Promise(() => {});
}

export interface RecordingProxy extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
  /** From now on `decide` decides; without it every request is forwarded. */
  intercept(decide?: Intercept): void;
  /** Breaks all connections that are open, event streams included. New ones are accepted. */
  breakConnections(): void;
}

/** Starts a proxy in front of `target` (a base URL) on a free port. Streams both ways. */
export async function startProxy(target: string): Promise<RecordingProxy> {
  const requests: RecordedRequest[] = [];
  const forwardAll: Intercept = (_request, forward) => forward();
  let decide = forwardAll;

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const gone = new AbortController();
    outgoing.on("close", () => {
      if (!outgoing.writableFinished) gone.abort();
    });
    const url = new URL(incoming.url ?? "/", target);
    const request: RecordedRequest = {
      method: incoming.method ?? "GET",
      path: url.pathname,
      query: url.searchParams,
      headers: headersOf(incoming),
      body: await requestBody(incoming),
    };
    requests.push(request);
    const forward = () =>
      fetch(url, {
        method: request.method,
        headers: endToEnd(request.headers),
        body: request.body || undefined,
        redirect: "manual",
        signal: gone.signal,
      });

    const answer = await decide(request, forward);
    outgoing.writeHead(answer.status, Object.fromEntries(endToEnd(answer.headers)));
    outgoing.flushHeaders();
    for await (const bytes of answer.body ?? []) outgoing.write(bytes);
    outgoing.end();
  }

  const server = createServer((incoming, outgoing) => {
    // dropped on purpose, or one side has gone: the other one gets to know it
    handle(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    intercept(next) {
      decide = next ?? forwardAll;
    },
    breakConnections: () => server.closeAllConnections(),
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

function headersOf(incoming: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value));
  return headers;
}

/** Without those of one connection (RFC 9110, 7.6.1), and those that `fetch` sets or undoes. */
function endToEnd(headers: Headers): Headers {
  const kept = new Headers(headers);
  const dropped = ["connection", "keep-alive", "transfer-encoding", "upgrade", "host"]
    .concat("content-length", "content-encoding", "accept-encoding");
  for (const name of dropped) kept.delete(name);
  return kept;
}
