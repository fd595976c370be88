/**
 * The fake OpenCode server behind a real port of loopback, for tests with processes of their own.
 * Deno 2.7.11 cannot break a connection from `node:http` (measured); 2.9.6 can.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { FakeOpenCode } from "./fake_opencode.ts";
import { requestBody } from "./request_body.ts";

export interface FakeServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** As the fake's own, and nothing listens any more. */
  kill(...options: Parameters<FakeOpenCode["kill"]>): Promise<void>;
  /** On the same port. */
  start(...options: Parameters<FakeOpenCode["start"]>): Promise<void>;
}

/** Serves `fake` on any free port of 127.0.0.1. */
export async function serveFake(fake: FakeOpenCode): Promise<FakeServer> {
  let server: Server | undefined;

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const gone = new AbortController();
    outgoing.on("close", () => {
      if (!outgoing.writableFinished) gone.abort();
    });
    const body = await requestBody(incoming);
    const reply = await fake.fetch(new URL(incoming.url ?? "/", fake.url), {
      method: incoming.method,
      headers: Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
      body: body || undefined,
      signal: gone.signal,
    });
    outgoing.writeHead(reply.status, Object.fromEntries(reply.headers));
    outgoing.flushHeaders();
    for await (const bytes of reply.body ?? []) outgoing.write(bytes);
    outgoing.end();
  }

  async function listen(port: number): Promise<number> {
    const listening = createServer((incoming, outgoing) => {
      answer(incoming, outgoing).catch(() => outgoing.destroy()); // as the fake wants it
    });
    await new Promise<void>((resolve) => listening.listen(port, "127.0.0.1", resolve));
    server = listening;
    return (listening.address() as AddressInfo).port;
  }

  async function close(): Promise<void> {
    const closing = server;
    server = undefined;
    if (!closing) return;
    await new Promise((resolve) => {
      closing.close(resolve);
      closing.closeAllConnections();
    });
  }

  const port = await listen(0);
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async kill(options) {
      fake.kill(options);
      await close();
    },
    async start(options) {
      fake.start(options);
      await listen(port);
    },
    async [Symbol.asyncDispose]() {
      fake.kill();
      await close();
    },
  };
}
