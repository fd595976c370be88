/** Replies with any byte changed, cut or made up: an `OpenCodeError`, or something that can be used. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { OpenCode } from "../../src/opencode/client.ts";
import { createV1Client } from "../support/v1_client.ts";
import { OpenCodeError } from "../../src/opencode/error.ts";
import { createVirtualClock } from "../support/fake_clock.ts";
import { createFakeOpenCode } from "../support/fake_opencode.ts";
import { VERSIONS } from "../support/install.ts";
import { call, say } from "../support/scripted_model.ts";

/** All that is read in a session. */
const READS: Readonly<Record<string, (client: OpenCode, id: string) => Promise<unknown>>> = {
  health: (client) => client.health(),
  session: (client, id) => client.session(id),
  sessions: (client) => client.sessions(),
  createSession: (client) => client.createSession({ title: "t" }),
  busy: (client) => client.busy(),
  messages: (client, id) => client.messages(id),
  children: (client, id) => client.children(id),
  permissions: (client) => client.permissions(),
  questions: (client) => client.questions(),
  prices: (client) => client.prices(),
  agents: (client) => client.agents(),
  configuredModel: (client) => client.configuredModel(),
};

interface Reply {
  readonly read: (client: OpenCode) => Promise<unknown>;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly type: string;
}

/** A good reply to each read, of a server with a turn behind it. */
async function goodReplies(version: string): Promise<readonly Reply[]> {
  const clock = createVirtualClock();
  const fake = createFakeOpenCode({
    clock,
    version,
    tools: { look: () => "seen ✓" },
    script: ({ step }) => step === 0 ? call({ name: "look", input: {} }) : say("done ü"),
  });
  let last = new Response();
  const client = createV1Client({
    url: fake.url,
    directory: "/p",
    clock,
    async transport(url, init) {
      const reply = await fake.fetch(url, init);
      last = reply.clone();
      return reply;
    },
  });
  const replies: Reply[] = [];
  async function record(): Promise<void> {
    const { id } = await client.createSession({ title: "t" });
    await client.prompt(id, { text: "go" });
    while ((await client.messages(id)).at(-1)?.completedAt === undefined) {
      await new Promise<void>((resolve) => clock.after(10, resolve));
    }
    for (const [name, read] of Object.entries(READS)) {
      await read(client, id);
      const bytes = new Uint8Array(await last.arrayBuffer());
      const type = last.headers.get("content-type") ?? "";
      replies.push({ name, read: (client) => read(client, id), bytes, type });
    }
  }
  await clock.run(record());
  return replies;
}

/** Reads what the server is made to answer. Anything but a value or an `OpenCodeError` fails. */
async function readSpoiled(
  { name, read, type }: Reply,
  bytes: Uint8Array,
  status = 200,
): Promise<OpenCodeError | undefined> {
  const clock = createVirtualClock();
  const client = createV1Client({
    url: "http://spoiled.test",
    directory: "/p",
    clock,
    transport: () =>
      Promise.resolve(
        new Response(new Blob([bytes as BlobPart]), { status, headers: { "content-type": type } }),
      ),
  });
  try {
    await clock.run(read(client));
    return undefined;
  } catch (error) {
    assert(error instanceof OpenCodeError, `${name}: ${error}`);
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x1f\x7f-\x9f]/.test(error.message), error.message);
    assert(error.message.length < 600, error.message);
    return error;
  }
}

for (const version of VERSIONS) {
  const replies = await goodReplies(version);

  Deno.test(`${version}: the good replies are read`, async () => {
    for (const reply of replies) assert.equal(await readSpoiled(reply, reply.bytes), undefined);
  });

  Deno.test(`${version}: a reply cut at any byte is an error`, async () => {
    for (const reply of replies) {
      for (let at = 0; at < reply.bytes.length; at += 1 + Math.floor(reply.bytes.length / 200)) {
        assert(await readSpoiled(reply, reply.bytes.subarray(0, at)), `${reply.name} at ${at}`);
      }
    }
  });

  Deno.test(`${version}: replies with bytes changed, and any JSON in their place, are never a crash`, async () => {
    const change = fc.record({ at: fc.nat(), to: fc.nat({ max: 255 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...replies),
        fc.oneof(fc.array(change, { minLength: 1, maxLength: 5 }), fc.json()),
        fc.constantFrom(200, 400, 404, 500),
        async (reply, spoil, status) => {
          const bytes = typeof spoil === "string"
            ? new TextEncoder().encode(spoil)
            : reply.bytes.slice();
          if (typeof spoil !== "string") {
            for (const { at, to } of spoil) bytes[at % bytes.length] = to;
          }
          const error = await readSpoiled(reply, bytes, status);
          assert(error || status === 200 || (reply.name === "session" && status === 404));
        },
      ),
      { numRuns: 3_000 },
    );
  });
}

Deno.test("a reply without end is given up at 32 MiB", async () => {
  const clock = createVirtualClock();
  let sent = 0;
  const piece = new Uint8Array(1024 * 1024).fill(32);
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent++;
      controller.enqueue(piece);
    },
  });
  const client = createV1Client({
    url: "http://endless.test",
    directory: "/p",
    clock,
    transport: () =>
      Promise.resolve(new Response(endless, { headers: { "content-type": "application/json" } })),
  });
  await assert.rejects(clock.run(client.busy()), {
    problem: "malformed",
    message: /more than 32 MiB/,
  });
  assert(sent < 40, `${sent} MiB`);
});
