/** Ending a turn on a server that answers late, wrongly or not at all: bounded, and never claimed. */
import assert from "node:assert/strict";
import { abortTurn } from "../../../../src/loop/turn/abort.ts";
import { turnLimits } from "../../../../src/loop/limits.ts";
import { createTurns, type TurnOptions } from "../../../../src/loop/turn/turn.ts";
import { unlessAborted } from "../../../../src/abort_signal.ts";
import type { OpenCode } from "../../../../src/opencode/client.ts";
import { createClient } from "../../../../src/opencode/connect.ts";
import { DEFAULT_SETTINGS } from "../../../../src/settings/settings.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/fake_clock.ts";
import { afterEffect, answer, late } from "../../../support/fake_faults.ts";
import {
  createFakeOpenCode,
  type FakeOpenCode,
  type FakeOptions,
} from "../../../support/fake_opencode.ts";
import { type Intercept, withhold } from "../../../support/recording_proxy.ts";
import { call, hang } from "../../../support/scripted_model.ts";

const LIMITS = turnLimits(DEFAULT_SETTINGS.limits, { costUsd: 0, tokens: 0, durationMs: 0 });
const ABORT = "POST /session/:id/abort";

interface AtWork {
  fake: FakeOpenCode;
  client: OpenCode;
  clock: VirtualClock;
  sessionId: string;
  /** Aborts the turn, and tells how long that took in milliseconds. */
  abort(): Promise<{ confirmed: boolean; tookMs: number }>;
}

/** A turn at work on a fake server, in virtual time. */
function atWork(
  body: (world: AtWork) => Promise<void>,
  options: Partial<FakeOptions> = {},
): Promise<void> {
  const clock = createVirtualClock();
  const fake = createFakeOpenCode({ clock, script: () => hang(), ...options });
  const client = createClient({ url: fake.url, directory: "/p", clock, transport: fake.fetch });
  return clock.run((async () => {
    const { id: sessionId } = await client.createSession({ title: "t" });
    await client.prompt(sessionId, { text: "work" });
    await pause(clock, 1_000);
    assert.equal((await client.busy()).has(sessionId), true);
    async function abort() {
      const begun = clock.monotonic();
      const confirmed = await abortTurn({ client, clock, sessionId });
      return { confirmed, tookMs: clock.monotonic() - begun };
    }
    await body({ fake, client, clock, sessionId, abort });
  })());
}

const pause = (clock: VirtualClock, ms: number) =>
  new Promise<void>((resolve) => clock.after(ms, resolve));

Deno.test("a server that takes requests and never answers is given up after 3 s, as not confirmed", () =>
  atWork(async ({ fake, abort }) => {
    fake.fault({ times: Infinity, act: withhold });
    const { confirmed, tookMs } = await abort();
    assert.equal(confirmed, false);
    assert(tookMs >= 3_000 && tookMs < 3_500, `${tookMs} ms`);
  }));

Deno.test("an abort whose answer hangs is confirmed by what the server shows", () =>
  atWork(async ({ fake, abort }) => {
    fake.fault({ on: ABORT, times: Infinity, act: afterEffect(withhold) });
    const { confirmed, tookMs } = await abort();
    assert.equal(confirmed, true);
    assert(tookMs < 1_000, `${tookMs} ms`);
  }));

Deno.test("what goes wrong in an abort and is no failure of the server is thrown", () =>
  atWork(async ({ client, clock, sessionId }) => {
    const bug = new TypeError("a bug");
    const broken = { ...client, abort: () => Promise.reject(bug) };
    await assert.rejects(abortTurn({ client: broken, clock, sessionId }), bug);
  }));

Deno.test("a turn that a person has said something to, and that has not come to it, is ended as soon", () =>
  atWork(async ({ client, clock, sessionId, abort }) => {
    await client.prompt(sessionId, { text: "a person says, while you work" });
    await pause(clock, 100);
    assert.equal((await client.messages(sessionId)).at(-1)?.role, "user");
    const { confirmed, tookMs } = await abort();
    assert.equal(confirmed, true);
    assert(tookMs < 2_500, `${tookMs} ms`);
  }));

Deno.test("an abort that the server loses is sent again every second", () =>
  atWork(async ({ fake, abort }) => {
    fake.fault({ on: ABORT, times: 2, act: answer(200, "true") });
    const { confirmed, tookMs } = await abort();
    assert.equal(confirmed, true);
    assert(tookMs >= 2_000 && tookMs < 3_000, `${tookMs} ms`);
  }));

Deno.test("a turn that goes on in spite of every abort is not confirmed, after 15 s", () =>
  atWork(async ({ fake, client, sessionId, abort }) => {
    fake.fault({ on: ABORT, times: Infinity, act: answer(200, "true") });
    const { confirmed, tookMs } = await abort();
    assert.equal(confirmed, false);
    assert.equal((await client.busy()).has(sessionId), true);
    assert(tookMs >= 15_000 && tookMs < 15_500, `${tookMs} ms`);
  }));

Deno.test("a server that only fails is given up after 3 s, as not confirmed", () =>
  atWork(async ({ fake, abort }) => {
    fake.fault({ times: Infinity, act: answer(500, "{}") });
    const { confirmed, tookMs } = await abort();
    assert.equal(confirmed, false);
    assert(tookMs >= 3_000 && tookMs < 3_500, `${tookMs} ms`);
  }));

Deno.test("a server that takes 2 s for every answer still confirms", () =>
  atWork(async ({ fake, clock, abort }) => {
    fake.fault({ times: Infinity, act: late(clock, 2_000) });
    const { confirmed, tookMs } = await abort();
    assert.equal(confirmed, true);
    assert(tookMs < 8_000, `${tookMs} ms`);
  }));

/** All requests from now on are answered when `ms` milliseconds have passed, as by a busy process. */
function stall(clock: VirtualClock, ms: number): Intercept {
  const end = clock.monotonic() + ms;
  return async (_request, forward) => {
    await pause(clock, end - clock.monotonic());
    return forward();
  };
}

/** A prompt that is aborted before its turn begins; how the fake's turns ended within a minute. */
function beforeTheBeginning(
  { promptMs, stallAfterMs, act, starting }: {
    promptMs: number;
    stallAfterMs: number;
    act?: (clock: VirtualClock) => Intercept;
    starting?: boolean;
  },
): Promise<{ confirmed: boolean; tookMs: number; ends: string[] }> {
  const clock = createVirtualClock();
  const timings = { promptMs, startMs: 500 };
  const fake = createFakeOpenCode({ clock, script: () => hang(), timings });
  const client = createClient({ url: fake.url, directory: "/p", clock, transport: fake.fetch });
  return clock.run((async () => {
    const { id: sessionId } = await client.createSession({ title: "t" });
    await client.prompt(sessionId, { text: "work" });
    const strike = () => act && fake.fault({ times: Infinity, act: act(clock) });
    if (stallAfterMs === 0) strike();
    else clock.after(stallAfterMs, strike);
    const begun = clock.monotonic();
    const confirmed = await abortTurn({ client, clock, sessionId, starting });
    const tookMs = clock.monotonic() - begun;
    await pause(clock, 60_000);
    const ends = fake.ledger.flatMap((entry) => entry.type === "turn_ended" ? [entry.how] : []);
    return { confirmed, tookMs, ends };
  })());
}

for (const stallMs of [5_000, 10_000]) {
  for (const stallAfterMs of [0, 200]) {
    Deno.test(`a turn that begins after the server was silent for ${stallMs} ms is ended; silent after ${stallAfterMs} ms`, async () => {
      const { confirmed, ends } = await beforeTheBeginning({
        promptMs: stallMs + 500,
        stallAfterMs,
        act: (clock) => stall(clock, stallMs),
        starting: true,
      });
      assert.deepEqual([confirmed, ends], [true, ["aborted"]]);
    });
  }
}

Deno.test("a prompt that a well server never begins is confirmed after 8 s", async () => {
  const { confirmed, tookMs } = await beforeTheBeginning({ promptMs: 1e9, stallAfterMs: 0 });
  assert.equal(confirmed, true);
  assert(tookMs >= 8_000 && tookMs < 8_500, `${tookMs} ms`);
});

Deno.test("a server that falls silent before it has begun is given up after 30 s", async () => {
  const { confirmed, tookMs } = await beforeTheBeginning({
    promptMs: 1e9,
    stallAfterMs: 200,
    act: () => withhold,
  });
  assert.equal(confirmed, false);
  assert(tookMs >= 30_000 && tookMs < 30_500, `${tookMs} ms`);
});

const same = { name: "bash", input: { command: "true" } };
const asking: Partial<FakeOptions> = {
  version: "1.1.53",
  tools: { bash: () => "" },
  script: () => call(same, same, same),
};

Deno.test("a turn that waits for permission is refused it, and ends", () =>
  atWork(async ({ client, abort }) => {
    assert.equal((await client.permissions()).length, 1);
    assert.equal((await abort()).confirmed, true);
    assert.equal((await client.permissions()).length, 0);
  }, asking));

Deno.test("a refusal that the server does not know proves nothing", () =>
  atWork(async ({ fake, abort }) => {
    const notFound = answer(404, `{"name":"NotFoundError","data":{"message":"no such request"}}`);
    fake.fault({ on: "POST /permission/:id/reply", times: Infinity, act: notFound });
    assert.equal((await abort()).confirmed, false);
  }, asking));

Deno.test("other people's requests are left to them", () =>
  atWork(async ({ client, clock, abort }) => {
    const { id } = await client.createSession({ title: "theirs" });
    await client.prompt(id, { text: "work" });
    await pause(clock, 1_000);
    assert.equal((await client.permissions()).length, 2);
    assert.equal((await abort()).confirmed, true);
    assert.deepEqual((await client.permissions()).map(({ sessionId }) => sessionId), [id]);
  }, asking));

/** A turn that is followed as a worker does, and stopped at a moment that the test chooses. */
function stopping(
  body: (world: {
    fake: FakeOpenCode;
    clock: VirtualClock;
    run(options: Partial<TurnOptions> & { stopAfterMs: number }): Promise<{
      end: Awaited<ReturnType<ReturnType<typeof createTurns>["run"]>>["end"];
      complete: boolean;
      tookMs: number;
      prompts: number;
    }>;
  }) => Promise<void>,
): Promise<void> {
  const clock = createVirtualClock();
  const fake = createFakeOpenCode({ clock, script: () => hang() });
  const client = createClient({ url: fake.url, directory: "/p", clock, transport: fake.fetch });
  return clock.run(body({
    fake,
    clock,
    async run({ stopAfterMs, ...options }) {
      const { id: sessionId } = await client.createSession({ title: "t" });
      const streamEnd = new AbortController();
      const stop = new AbortController();
      let stoppedAt = clock.monotonic();
      if (stopAfterMs === 0) stop.abort();
      clock.after(stopAfterMs, () => {
        stoppedAt = clock.monotonic();
        stop.abort();
      });
      const turns = createTurns({ client, clock, signal: streamEnd.signal });
      const { end, usage } = await turns.run({
        sessionId,
        limits: LIMITS,
        signal: stop.signal,
        send: () => unlessAborted(client.prompt(sessionId, { text: "go" }), stop.signal),
        onEvent: () => {},
        onActivity: () => {},
        ...options,
      });
      streamEnd.abort();
      await turns.closed;
      const prompts = fake.ledger.filter(({ type }) => type === "prompt").length;
      return {
        end,
        complete: usage.complete,
        tookMs: clock.monotonic() - stoppedAt,
        prompts,
      };
    },
  }));
}

Deno.test("a stop before the prompt sends none, and has nothing to abort", () =>
  stopping(async ({ run }) => {
    const { end, complete, tookMs, prompts } = await run({ stopAfterMs: 0 });
    assert.deepEqual(end, { kind: "stopped", confirmed: true });
    assert.deepEqual([complete, prompts, tookMs], [true, 0, 0]);
  }));

Deno.test("a stop does not wait for an event stream that does not open", () =>
  stopping(async ({ fake, run }) => {
    fake.fault({ on: "GET /event", times: Infinity, act: withhold });
    const { end, tookMs, prompts } = await run({ stopAfterMs: 500 });
    assert.deepEqual(end, { kind: "stopped", confirmed: true });
    assert.deepEqual([tookMs, prompts], [0, 0]);
  }));

Deno.test("a stop while the prompt is on its way to a silent server is not confirmed, after 3 s", () =>
  stopping(async ({ fake, run }) => {
    fake.fault({
      on: ({ route }) => !["GET /event", "GET /global/health", "GET /api/info"].includes(route),
      skip: 1,
      times: Infinity,
      act: withhold,
    });
    const { end, complete, tookMs } = await run({ stopAfterMs: 1_000 });
    assert.deepEqual(end, { kind: "stopped", confirmed: false });
    assert.equal(complete, false, "what it used is unknown");
    assert(tookMs >= 3_000 && tookMs < 3_500, `${tookMs} ms`);
  }));

Deno.test("a stop after the prompt was taken, of a server that is silent until its turn begins, ends it", () =>
  stopping(async ({ fake, clock, run }) => {
    fake.timings.promptMs = 8_000;
    clock.after(500, () => fake.fault({ times: Infinity, act: stall(clock, 7_000) }));
    const { end } = await run({ stopAfterMs: 500 });
    assert.deepEqual(end, { kind: "stopped", confirmed: true });
    assert.equal(fake.ledger.at(-1)?.type, "turn_ended");
  }));
