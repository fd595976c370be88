/**
 * The event stream is a hint: whatever is lost, repeated, reordered, malformed or made up in it, a turn
 * comes to the same end, uses the same, and is answered the same, each question once.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { createTurns } from "../../src/loop/turn/turn.ts";
import type { TurnReport } from "../../src/loop/turn/turn_end.ts";
import { turnLimits } from "../../src/loop/limits.ts";
import { createClient } from "../../src/opencode/connect.ts";
import { followEvents } from "../../src/opencode/events.ts";
import { createEventDecoder } from "../../src/opencode/v1/schema.ts";
import type { AgentEvent } from "../../src/opencode/model.ts";
import { DEFAULT_SETTINGS } from "../../src/settings/settings.ts";
import { createVirtualClock, type VirtualClock } from "../support/fake_clock.ts";
import { createFakeOpenCode, type FakeOpenCode } from "../support/fake_opencode.ts";
import type { EditEvent } from "../support/fake_events.ts";
import type { FakeScript } from "../support/fake_script.ts";
import { VERSIONS } from "../support/install.ts";
import type { Intercept } from "../support/recording_proxy.ts";
import { call, say } from "../support/scripted_model.ts";

const LIMITS = turnLimits(DEFAULT_SETTINGS.limits, { costUsd: 0, tokens: 0, durationMs: 0 });
const SECOND = 1_000;
const TURN_MS_MAX = 600 * SECOND;

/** Works, sends out a sub-agent that asks for leave, asks a question where it can, and ends. */
const script: FakeScript = ({ step, isSubagent, tools }) => {
  if (isSubagent) {
    return step === 0 ? call({ name: "look", input: { filePath: "/etc/hosts" } }) : say("looked ✓");
  }
  const look = { name: "look", input: { filePath: "a" } };
  const agent = { subagent_type: "general", description: "Look", prompt: "look" };
  const questions = [{ header: "h", question: "which way?", options: [] }];
  if (step === 0) return call(look, { name: "task", input: agent });
  if (step === 2 && tools.includes("question")) {
    return call({ name: "question", input: { questions } });
  }
  return say("fertig: ü ✓ 🙂");
};

interface Followed {
  /** What must not depend on the events. */
  readonly facts: unknown;
  readonly report: TurnReport;
  readonly fake: FakeOpenCode;
}

/** A turn, followed as the worker does, while `disturb` has its way with the events. */
async function followTurn(
  version: string,
  disturb: (fake: FakeOpenCode, clock: VirtualClock) => void = () => {},
): Promise<Followed> {
  const clock = createVirtualClock();
  const fake = createFakeOpenCode({
    clock,
    version,
    script,
    tools: { look: ({ filePath }) => `saw ${filePath}` },
  });
  const transport = fake.fetch;
  const client = createClient({ url: fake.url, directory: "/project", clock, transport });
  disturb(fake, clock);

  async function follow(): Promise<TurnReport> {
    const ending = new AbortController();
    const stop = new AbortController();
    clock.after(TURN_MS_MAX, () => stop.abort());
    const turns = createTurns({ client, clock, signal: ending.signal });
    const { id: sessionId } = await client.createSession({ title: "followed" });
    const report = await turns.run({
      sessionId,
      limits: LIMITS,
      signal: stop.signal,
      send: () => client.prompt(sessionId, { text: "go" }),
      onEvent: () => {},
      onActivity: () => {},
    });
    ending.abort();
    await turns.closed;
    return report;
  }
  const report = await clock.run(follow());
  const facts = {
    end: report.end,
    usage: report.usage,
    answers: report.answers.map(({ kind, asked, reply }) => ({ kind, asked, reply })),
    took: fake.ledger.map(({ type }) => type).filter((type) => type !== "asked").sort(),
  };
  return { facts, report, fake };
}

for (const version of VERSIONS) {
  const undisturbed = await followTurn(version);
  const same = (followed: Followed) => assert.deepEqual(followed.facts, undisturbed.facts);

  Deno.test(`${version}: the undisturbed turn settles, with each of its questions answered`, () => {
    const { end, answers, usage } = undisturbed.report;
    assert.equal(end.kind === "finished" && end.text, "fertig: ü ✓ 🙂");
    const kinds = answers.map(({ kind }) => kind);
    const question = version === "1.1.53" ? ["question"] : [];
    assert.deepEqual(kinds, ["permission", ...question]);
    assert.equal(usage.modelCalls, 4 + question.length);
  });

  Deno.test(`${version}: events lost, repeated, reordered, malformed, unknown, foreign: the same outcome`, async () => {
    const fates = fc.array(fc.constantFrom(...FATES), { minLength: 1, maxLength: 200 });
    const closings = fc.array(fc.nat({ max: 20_000 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fates, closings, async (fates, closings) => {
        same(
          await followTurn(version, (fake, clock) => {
            fake.editEvents(fateOf(fates));
            for (const ms of closings) clock.after(ms, fake.closeStreams);
          }),
        );
      }),
      { numRuns: 250 },
    );
  });

  for (const how of ["ends", "breaks"] as const) {
    Deno.test(`${version}: a stream that ${how} at any byte: the same outcome`, async () => {
      let bytes = 0;
      await followTurn(version, (fake) => {
        fake.fault({
          on: "GET /event",
          act: cutStream(Infinity, how, (more) => bytes += more.length),
        });
      });
      assert(bytes > 5_000, `${bytes}`);
      // Whole turns at some of them; the test below has them all.
      for (let at = 0; at <= bytes; at += 1 + Math.floor(bytes / 300)) {
        same(
          await followTurn(version, (fake) => {
            fake.fault({ on: "GET /event", act: cutStream(at, how) });
          }),
        );
      }
    });
  }
}

Deno.test("a stream cut at each of its bytes: what was complete is seen, once, and nothing else", async () => {
  for (const version of VERSIONS) {
    const chunks: Uint8Array[] = [];
    await followTurn(version, (fake) => {
      const act = cutStream(Infinity, "ends", (bytes) => chunks.push(bytes));
      fake.fault({ on: "GET /event", act });
    });
    const whole = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
    const all = await eventsOf([whole]);
    assert(all.length > 40, `${all.length}`);
    assert(all.every(({ type }) => type !== "disconnected"));
    let before = 0;
    for (let at = 0; at <= whole.length; at++) {
      const seen = await eventsOf([whole.subarray(0, at)]);
      assert.deepEqual(seen, all.slice(0, seen.length), `cut at ${at}`);
      assert(seen.length >= before, `cut at ${at}`);
      before = seen.length;
    }
    assert.equal(before, all.length);
    const middle = Math.floor(whole.length / 2);
    const pieces = [whole.subarray(0, middle), whole.subarray(middle)];
    assert.deepEqual(await eventsOf(pieces), all, "in two pieces");
  }
});

/** What is made of a stream of these pieces, up to its end. */
async function eventsOf(pieces: readonly Uint8Array[]): Promise<AgentEvent[]> {
  const events: AgentEvent[] = [];
  const ending = new AbortController();
  let connections = 0;
  const handle = followEvents({
    // A backoff takes no time, the silence of a stream never comes.
    clock: {
      now: () => 0,
      monotonic: () => 0,
      after(ms, callback) {
        if (ms < SECOND) queueMicrotask(callback);
        return () => {};
      },
    },
    signal: ending.signal,
    client: {
      eventStream() {
        if (++connections === 2) ending.abort(); // the first is over
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            for (const piece of connections === 1 ? pieces : []) controller.enqueue(piece);
            controller.close();
          },
        });
        return Promise.resolve({ body, decode: createEventDecoder() });
      },
    },
    onEvent(event) {
      if (event.type !== "disconnected") events.push(event);
    },
  });
  await handle.closed;
  assert.equal(handle.malformed(), 0);
  return events;
}

const FATES = [
  "keep",
  "keep",
  "lose",
  "repeat",
  "hold back",
  "repeat an old one",
  "garble",
  "unknown type",
  "foreign",
  "without its session",
] as const;

/** Lets each event meet the next of `fates`, round and round. */
function fateOf(fates: readonly typeof FATES[number][]): EditEvent {
  const seen: string[] = [];
  const heldBack: string[] = [];
  let count = 0;
  return (data) => {
    const fate = fates[count++ % fates.length];
    seen.push(data);
    switch (fate) {
      case "keep":
        return [data, ...heldBack.splice(0)];
      case "lose":
        return [];
      case "repeat":
        return [data, data];
      case "hold back":
        heldBack.push(data);
        return [];
      case "repeat an old one":
        return [data, seen[(count * 7) % seen.length]];
      case "garble":
        return [data.slice(0, data.length / 2), `{"type":`, `[]`, `{"type":"session.idle"}`];
      case "unknown type":
        return [`{"type":"brand.new","properties":{"sessionID":"ses_1"}}`, data];
      case "foreign":
        return [data.replaceAll(/ses_\w+/g, "ses_somebody_elses"), data];
      case "without its session":
        return [data.replaceAll(/"sessionID":"[^"]*",?/g, ""), data];
    }
  };
}

/** The first stream is over after so many bytes. */
function cutStream(
  bytes: number,
  how: "ends" | "breaks",
  onBytes: (more: Uint8Array) => void = () => {},
): Intercept {
  return async (_request, forward) => {
    const reply = await forward();
    const reader = (reply.body ?? new ReadableStream<Uint8Array>()).getReader();
    let left = bytes;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = left > 0 ? await reader.read() : { done: true, value: undefined };
        if (value) {
          const part = value.subarray(0, left);
          left -= part.length;
          onBytes(part);
          return controller.enqueue(part);
        }
        if (!done || left === 0) await reader.cancel();
        if (how === "ends") controller.close();
        else controller.error(new TypeError("error reading a body from connection"));
      },
      cancel: () => reader.cancel(),
    });
    return new Response(body, { headers: reply.headers });
  };
}
