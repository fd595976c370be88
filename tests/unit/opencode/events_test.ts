import assert from "node:assert/strict";
import { type Clock, sleep } from "../../../src/clock.ts";
import { systemClock } from "../../../src/host/system/clock.ts";
import { createClient } from "../../../src/opencode/connect.ts";
import { OpenCodeError } from "../../../src/opencode/error.ts";
import { type EventsHandle, followEvents } from "../../../src/opencode/events.ts";
import type { AgentEvent } from "../../../src/opencode/model.ts";
import { createEventDecoder } from "../../../src/opencode/v1/schema.ts";
import { createVirtualClock } from "../../support/fake_clock.ts";
import { createFakeOpenCode } from "../../support/fake_opencode.ts";
import { until } from "../../support/wait.ts";

const CONNECTED = `data: {"type":"server.connected","properties":{}}\n\n`;
const idle = (id: string) => `data: {"type":"session.idle","properties":{"sessionID":"${id}"}}\n\n`;

/** One try to connect, which the test feeds. */
interface Connection {
  send(text: string | Uint8Array): void;
  end(): void;
  fail(): void;
}

/** Follows the streams that the test makes; `delays` are the waits that were asked for. */
function follow(options: { silenceMs?: number; refuse?: () => boolean } = {}) {
  const connections: Connection[] = [];
  const events: AgentEvent[] = [];
  const delays: number[] = [];
  const ending = new AbortController();
  const clock: Clock = {
    ...systemClock,
    after(ms, callback) {
      delays.push(ms);
      // Backoffs take no time in tests; the silence of a connection does.
      return systemClock.after(ms === options.silenceMs ? ms : 0, callback);
    },
  };
  const handle: EventsHandle = followEvents({
    clock: options.silenceMs === undefined ? { ...clock, after: noSilence(clock) } : clock,
    silenceMs: options.silenceMs,
    signal: ending.signal,
    onEvent: (event) => events.push(event),
    client: {
      eventStream() {
        if (options.refuse?.()) {
          return Promise.reject(new OpenCodeError("unreachable", "cannot reach it"));
        }
        const body = new ReadableStream({
          start(controller) {
            connections.push({
              send: (text) =>
                controller.enqueue(
                  typeof text === "string" ? new TextEncoder().encode(text) : text,
                ),
              end: () => controller.close(),
              fail: () => controller.error(new TypeError("error reading a body")),
            });
          },
        });
        return Promise.resolve({ body, decode: createEventDecoder() });
      },
    },
  });
  return {
    connections,
    events,
    delays,
    handle,
    types: () => events.map(({ type }) => type),
    connection: (number: number) =>
      until(() => connections[number], { what: `connection ${number}` }),
    async [Symbol.asyncDispose]() {
      ending.abort();
      await handle.closed;
    },
  };
}

/** The 75 s of silence that no test waits for. */
function noSilence(clock: Clock): Clock["after"] {
  return (ms, callback) => ms === 75_000 ? () => {} : clock.after(ms, callback);
}

Deno.test("events come in order, whatever the pieces they arrive in", async () => {
  await using stream = follow();
  const bytes = new TextEncoder().encode(CONNECTED + idle("ses_ü✓") + idle("ses_2"));
  const connection = await stream.connection(0);
  for (const byte of bytes) connection.send(Uint8Array.of(byte));
  await until(() => stream.events.length === 3, { what: "three events" });
  assert.deepEqual(stream.events, [
    { type: "connected" },
    { type: "idle", sessionId: "ses_ü✓" },
    { type: "idle", sessionId: "ses_2" },
  ]);
  assert.equal(await stream.handle.connected(0), true);
});

Deno.test("an end and an error alike are followed by a new connection", async () => {
  await using stream = follow();
  (await stream.connection(0)).send(CONNECTED);
  (await stream.connection(0)).end();
  (await stream.connection(1)).send(CONNECTED + idle("ses_1").slice(0, 20));
  await until(() => stream.events.length === 3, { what: "the second connection" });
  (await stream.connection(1)).fail();
  (await stream.connection(2)).send(CONNECTED);
  await until(() => stream.events.length === 5, { what: "the third connection" });
  assert.deepEqual(stream.types(), [
    "connected",
    "disconnected",
    "connected",
    "disconnected",
    "connected",
  ]);
  assert.equal(stream.handle.malformed(), 0);
});

Deno.test("the wait doubles up to 10 s", async () => {
  let refusals = 8;
  await using stream = follow({ refuse: () => refusals-- > 0 });
  (await stream.connection(0)).send(CONNECTED);
  await until(() => stream.events.length === 1, { what: "the connection" });
  assert.deepEqual(stream.delays, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

Deno.test("only a connection that lasted makes the wait short again", async () => {
  const clock = createVirtualClock();
  const fake = createFakeOpenCode({ clock });
  const client = createClient({
    url: fake.url,
    directory: "/p",
    clock,
    transport: fake.fetch,
  });
  const ending = new AbortController();
  const connectedAt: number[] = [];
  const handle = followEvents({
    client,
    clock,
    signal: ending.signal,
    onEvent({ type }) {
      if (type !== "connected") return;
      connectedAt.push(clock.monotonic());
      if (connectedAt.length < 8) queueMicrotask(fake.closeStreams);
    },
  });
  await clock.run(sleep(clock, 100_000));
  fake.closeStreams();
  await clock.run(sleep(clock, 1_000));
  ending.abort();
  await clock.run(handle.closed);
  const waits = connectedAt.slice(1).map((at, i) => at - connectedAt[i]);
  assert.deepEqual(waits.slice(0, 7), [250, 500, 1000, 2000, 4000, 8000, 10_000]);
  assert.equal(connectedAt.at(-1), 100_250);
});

Deno.test("a silent connection counts as dead", async () => {
  await using stream = follow({ silenceMs: 50 });
  (await stream.connection(0)).send(CONNECTED);
  await until(() => stream.events.length >= 2, { what: "the end of the first connection" });
  assert.deepEqual(stream.events[1], { type: "disconnected", why: "nothing came for 0.05 s" });
  await stream.connection(1);
});

Deno.test("garbage is counted and passed over, what is not known is passed over", async () => {
  await using stream = follow();
  const connection = await stream.connection(0);
  connection.send(CONNECTED);
  connection.send("data: {not json\n\n");
  connection.send(`data: {"type":"session.idle","properties":{}}\n\n`);
  connection.send(`data: {"type":"brand.new","properties":{"a":1}}\n\n`);
  connection.send(`data: [1,2]\n\n: a comment\n\n`);
  connection.send(idle("ses_1"));
  await until(() => stream.events.length === 2, { what: "the good event" });
  assert.deepEqual(stream.types(), ["connected", "idle"]);
  assert.equal(stream.handle.malformed(), 3);
});

Deno.test("connected() says no in time, and yes as soon as it is so", async () => {
  await using stream = follow();
  assert.equal(await stream.handle.connected(1), false);
  (await stream.connection(0)).send(CONNECTED);
  await until(() => stream.events.length === 1, { what: "the connection" });
  assert.equal(await stream.handle.connected(0), true);
});

Deno.test("what takes the events throws: the stream ends, and says so to whoever looks", async () => {
  const bug = new TypeError("a bug");
  const ending = new AbortController();
  let cancelled = false;
  const handle = followEvents({
    clock: systemClock,
    signal: ending.signal,
    onEvent() {
      throw bug;
    },
    client: {
      eventStream: () =>
        Promise.resolve({
          body: new ReadableStream({
            start: (controller) => controller.enqueue(new TextEncoder().encode(CONNECTED)),
            cancel: () => void (cancelled = true),
          }),
          decode: createEventDecoder(),
        }),
    },
  });
  // Nobody looks yet: that must not end the program.
  await until(() => cancelled, { what: "the connection to be ended" });
  await sleep(systemClock, 0);
  assert.equal(await handle.connected(60_000_000), false, "it does not wait for one that is over");
  await assert.rejects(handle.closed, bug);
});
