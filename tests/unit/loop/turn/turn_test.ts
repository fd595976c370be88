/** What goes wrong in a callback ends the turn that it happened in, and no more than that. */
import assert from "node:assert/strict";
import { type Clock, sleep } from "../../../../src/clock.ts";
import { turnLimits } from "../../../../src/loop/limits.ts";
import { createTurns, type TurnOptions } from "../../../../src/loop/turn/turn.ts";
import type { OpenCode } from "../../../../src/opencode/client.ts";
import { createClient } from "../../../../src/opencode/connect.ts";
import { DEFAULT_SETTINGS } from "../../../../src/settings/settings.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/fake_clock.ts";
import { createFakeOpenCode, type FakeOpenCode } from "../../../support/fake_opencode.ts";
import { withhold } from "../../../support/recording_proxy.ts";
import { call, hang, type Reply, say } from "../../../support/scripted_model.ts";

const LIMITS = turnLimits(DEFAULT_SETTINGS.limits, { costUsd: 0, tokens: 0, durationMs: 0 });
const BUG = new TypeError("a bug");
const throwBug = () => {
  throw BUG;
};

interface Following {
  fake: FakeOpenCode;
  client: OpenCode;
  clock: VirtualClock;
  /** Follows a turn whose agent works without end, unless `signal` stops it. */
  run(options?: Partial<TurnOptions>): ReturnType<ReturnType<typeof createTurns>["run"]>;
}

/** Turns on a fake server, in virtual time, that share one event stream. */
function following(
  body: (world: Following) => Promise<void>,
  { clientWith = {}, clockWith = () => ({}) }: {
    clientWith?: Partial<OpenCode>;
    clockWith?: (clock: VirtualClock) => Partial<Clock>;
  } = {},
): Promise<void> {
  const clock = createVirtualClock();
  const tools = { build: () => sleep(clock, 45_000).then(() => "built") };
  const fake = createFakeOpenCode({ clock, tools, script: () => hang() });
  const made = createClient({ url: fake.url, directory: "/p", clock, transport: fake.fetch });
  const client = { ...made, ...clientWith };
  const streamEnd = new AbortController();
  const turns = createTurns({
    client,
    clock: { ...clock, ...clockWith(clock) },
    signal: streamEnd.signal,
  });
  async function run(options: Partial<TurnOptions> = {}) {
    const { id: sessionId } = await client.createSession({ title: "t" });
    return await turns.run({
      sessionId,
      limits: LIMITS,
      signal: new AbortController().signal,
      send: () => client.prompt(sessionId, { text: "go" }),
      onEvent: () => {},
      onActivity: () => {},
      ...options,
    });
  }
  return clock.run((async () => {
    try {
      await body({ fake, client, clock, run });
    } finally {
      streamEnd.abort();
      await turns.closed.catch(() => {});
    }
  })());
}

Deno.test("what takes the events of a turn throws: that ends this turn, not one beside it", () =>
  following(async ({ run, clock }) => {
    const stop = new AbortController();
    const seen: string[] = [];
    const beside = run({
      signal: stop.signal,
      onEvent: ({ type }) => void seen.push(type),
    });
    await assert.rejects(run({ onEvent: throwBug }), BUG);
    const before = seen.length;
    // The stream goes on, also for turns to come.
    await assert.rejects(run({ onEvent: ({ type }) => type === "busy" && throwBug() }), BUG);
    assert(seen.length >= before);
    stop.abort();
    assert.deepEqual((await beside).end, { kind: "stopped", confirmed: true });
    assert(clock.monotonic() < 60_000);
  }));

Deno.test("what an activity is told to throws: that ends the turn", async (t) => {
  await t.step("on an event", () =>
    following(async ({ run }) => {
      await assert.rejects(run({ onActivity: throwBug }), BUG);
    }));
  await t.step(
    "on a timer, while the server does not answer",
    () =>
      following(async ({ run, fake, clock }) => {
        const running = run({
          onActivity: ({ text }) => void (/more than/.test(text) && throwBug()),
        });
        await sleep(clock, 5_000);
        fake.fault({ times: Infinity, act: withhold });
        await assert.rejects(running, BUG);
        assert(clock.monotonic() < 20_000, `${clock.monotonic()} ms`);
      }),
  );
});

Deno.test("what nobody waits for fails: that ends the turn, unless the server failed", async (t) => {
  const clients: [string, Partial<OpenCode>][] = [
    ["looking for open permissions", { permissions: () => Promise.reject(BUG) }],
    ["looking for open questions", { questions: () => Promise.reject(BUG) }],
    ["looking whose session it is", { session: () => Promise.reject(BUG) }],
  ];
  for (const [what, clientWith] of clients) {
    await t.step(what, () =>
      following(async ({ run, client, clock }) => {
        // Somebody else's turn: whose it is has to be asked.
        const { id } = await client.createSession({ title: "other" });
        const running = run();
        await sleep(clock, 1_000);
        await client.prompt(id, { text: "go" });
        await assert.rejects(running, BUG);
      }, { clientWith }));
  }
  await t.step("telling of other sessions", () =>
    following(async ({ run, client }) => {
      const { id } = await client.createSession({ title: "other" });
      await client.prompt(id, { text: "go" });
      await assert.rejects(run({ onOthers: () => Promise.reject(BUG) }), BUG);
    }));
});

Deno.test("an event stream that ends by a bug ends the turns, also those to come", () => {
  let breaks = false;
  return following(async ({ run, fake, clock }) => {
    const running = run();
    await sleep(clock, 1_000);
    breaks = true;
    fake.closeStreams();
    await assert.rejects(running, BUG);
    breaks = false;
    await assert.rejects(run(), BUG);
  }, {
    // The silence of a connection is measured by nothing else.
    clockWith: (clock) => ({
      after: (ms, callback) => breaks && ms === 75_000 ? throwBug() : clock.after(ms, callback),
    }),
  });
});

const BUILD = call({ name: "build", input: {} });
const TASK = call({
  name: "task",
  input: { description: "d", subagent_type: "general", prompt: "p" },
});

/** How a turn ends whose agents, the sub-agent's too, answer so to their calls in turn. */
async function endOf(
  { fake, run, clock }: Following,
  { own, theirs = [], without }: { own: Reply[]; theirs?: Reply[]; without?: "events" },
) {
  fake.setScript(({ isSubagent, step }) => (isSubagent ? theirs : own)[step]);
  if (without) fake.editEvents(() => []);
  const startedAt = clock.monotonic();
  const { end } = await run({ limits: { ...LIMITS, silenceMs: 15_000 } });
  const said = end.kind === "timeout" ? end.limit : end.kind;
  return [said, Math.floor((clock.monotonic() - startedAt) / 15_000)];
}

for (const without of [undefined, "events"] as const) {
  Deno.test(`a tool that runs is a sign of life, ${without ? "also without" : "with"} events`, () =>
    following(async (world) => {
      assert.deepEqual(await endOf(world, { own: [BUILD, say("x")], without }), ["finished", 3]);
      const theirs = [BUILD, say("x")];
      assert.deepEqual(await endOf(world, { own: [TASK, say("x")], theirs, without }), [
        "finished",
        3,
      ]);
    }));
}

Deno.test("waiting for a sub-agent that is silent is none, nor is a tool that has ended", () =>
  following(async (world) => {
    assert.deepEqual(await endOf(world, { own: [TASK], theirs: [hang()] }), ["silence", 1]);
    assert.deepEqual(await endOf(world, { own: [BUILD, hang()] }), ["silence", 4]);
  }));
