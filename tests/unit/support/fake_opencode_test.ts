/** What the fake OpenCode server is for: its faults, its clock and its record of effects. */
import assert from "node:assert/strict";
import { sleep } from "../../../src/clock.ts";
import { systemClock } from "../../../src/host/system/clock.ts";
import { abortTurn } from "../../../src/loop/turn/abort.ts";
import { turnLimits } from "../../../src/loop/limits.ts";
import { createTurns, type TurnOptions } from "../../../src/loop/turn/turn.ts";
import type { OpenCode } from "../../../src/opencode/client.ts";
import { createClient } from "../../../src/opencode/connect.ts";
import type { AgentEvent } from "../../../src/opencode/model.ts";
import { DEFAULT_SETTINGS } from "../../../src/settings/settings.ts";
import { createVirtualClock, type VirtualClock } from "../../support/fake_clock.ts";
import { afterEffect, answer, cutAfter, edit, gate, late } from "../../support/fake_faults.ts";
import {
  createFakeOpenCode,
  type FakeOpenCode,
  type FakeOptions,
} from "../../support/fake_opencode.ts";
import { turns } from "../../support/fake_script.ts";
import { serveFake } from "../../support/fake_server.ts";
import { drop, type Intercept, withhold } from "../../support/recording_proxy.ts";
import {
  call,
  hang,
  hangBeforeHeaders,
  httpError,
  type Reply,
  say,
  slow,
} from "../../support/scripted_model.ts";
import { GENEROUS_MS } from "../../support/wait.ts";

const LIMITS = turnLimits(DEFAULT_SETTINGS.limits, { costUsd: 0, tokens: 0, durationMs: 0 });
const PROMPT = "POST /session/:id/prompt_async";

interface Simulation {
  readonly clock: VirtualClock;
  readonly fake: FakeOpenCode;
  readonly client: OpenCode;
  /** A client of another directory. */
  in(directory: string): OpenCode;
  /** Follows a turn of a new OpenCode session, as the worker does. */
  turn(options?: Partial<TurnOptions> & { watch?: (event: AgentEvent) => void }): Promise<
    Awaited<ReturnType<ReturnType<typeof createTurns>["run"]>> & { sessionId: string }
  >;
}

/** Runs `body` in one process and without a network, on a virtual clock. */
async function simulate(
  body: (simulation: Simulation) => Promise<void>,
  options: Partial<FakeOptions> = {},
): Promise<void> {
  const clock = createVirtualClock();
  const fake = createFakeOpenCode({ clock, ...options });
  const clientIn = (directory: string) =>
    createClient({ url: fake.url, directory, clock, transport: fake.fetch });
  const client = clientIn("/project");

  async function turn(options: Parameters<Simulation["turn"]>[0] = {}) {
    const ending = new AbortController();
    const following = createTurns({ client, clock, signal: ending.signal });
    const { id: sessionId } = await client.createSession({ title: "simulated" });
    const report = await following.run({
      sessionId,
      limits: LIMITS,
      signal: new AbortController().signal,
      send: () => client.prompt(sessionId, { text: "go" }),
      onEvent: options.watch ?? (() => {}),
      onActivity: () => {},
      ...options,
    });
    ending.abort();
    await following.closed;
    return { ...report, sessionId };
  }
  await clock.run(body({ clock, fake, client, in: clientIn, turn }));
}

const typesOf = (fake: FakeOpenCode) => fake.ledger.map(({ type }) => type);

Deno.test("hours of work pass at once, and the ledger tells what had effects", async () => {
  const began = performance.now();
  await simulate(async ({ clock, fake, turn }) => {
    const { end, sessionId } = await turn({ limits: { ...LIMITS, turnMs: 9e6, silenceMs: 9e6 } });
    assert.equal(end.kind, "finished");
    assert.ok(clock.monotonic() > 2 * 3600_000, `${clock.monotonic()}`);
    assert.deepEqual(typesOf(fake), [
      "session_created",
      "prompt",
      "turn_began",
      "model_call",
      "turn_ended",
    ]);
    const prompt = fake.ledger.find(({ type }) => type === "prompt");
    assert.deepEqual(prompt, { type: "prompt", sessionId, text: "go", at: prompt?.at });
    fake.assertAllUsed();
  }, { script: turns([slow({ chunks: 121, everyMs: 60_000 })]) });
  assert.ok(performance.now() - began < GENEROUS_MS);
});

Deno.test("the same script gives the same record", async () => {
  async function record(): Promise<string> {
    let ledger = "";
    await simulate(async ({ fake, turn }) => {
      await turn();
      await turn();
      ledger = JSON.stringify(fake.ledger);
    }, {
      tools: { work: () => "worked" },
      script: ({ step }) => step < 3 ? call({ name: "work", input: { step } }) : say("done"),
    });
    return ledger;
  }
  const first = await record();
  assert.ok(first.length > 500);
  assert.equal(await record(), first);
});

Deno.test("tools are what the test says, with what they did and how they failed", async () => {
  await simulate(async ({ client, turn }) => {
    const { end, sessionId } = await turn();
    assert.equal(end.kind === "finished" && end.text, "US-1 in /project, then no such story");
    const messages = await client.messages(sessionId);
    assert.deepEqual(messages.map(({ toolRuns }) => toolRuns.length), [0, 2, 0]);
  }, {
    tools: {
      tick: ({ story }, { directory }) => `${story} in ${directory}`,
      fail: () => {
        throw new Error("no such story");
      },
    },
    script: ({ step, toolOutputs }) =>
      step === 0
        ? call({ name: "tick", input: { story: "US-1" } }, { name: "fail", input: {} })
        : say(toolOutputs.join(", then ")),
  });
});

for (const when of ["before", "after"] as const) {
  Deno.test(`a reply is withheld until it is released, ${when} the effect`, async () => {
    await simulate(async ({ client, fake }) => {
      const held = gate();
      fake.fault({ on: PROMPT, act: when === "before" ? held.act : afterEffect(held.act) });
      const { id } = await client.createSession({ title: "held" });
      let answered = false;
      const prompting = client.prompt(id, { text: "go" }).then(() => answered = true);
      await held.reached;
      assert.equal(typesOf(fake).includes("prompt"), when === "after");
      assert.equal(answered, false);
      held.open();
      await prompting;
      assert.equal(typesOf(fake).includes("prompt"), true);
      fake.assertAllUsed();
    });
  });
}

const html = "<!doctype html><title>Bad gateway</title>";
const spoiled: readonly [string, Intercept, string][] = [
  ["no answer", withhold, "timeout"],
  ["a broken connection", drop, "unreachable"],
  ["a reply that breaks off", cutAfter(5), "unreachable"],
  ["401", answer(401), "unauthorized"],
  ["404 as JSON", answer(404, '{"name":"NotFoundError","data":{"message":"gone"}}'), "refused"],
  ["500 as JSON", answer(500, '{"name":"UnknownError"}'), "server_error"],
  ["503 as a page", answer(503, html, "text/html"), "server_error"],
  ["a page with 200", answer(200, html, "text/html"), "not_opencode"],
  ["garbage", answer(200, "\u0000\uFFFD{"), "malformed"],
  ["truncated JSON", edit((text) => text.slice(0, -1)), "malformed"],
  ["another type", edit((text) => text, "text/plain"), "not_opencode"],
];

for (const [name, act, problem] of spoiled) {
  Deno.test(`spoiled: ${name}, the second time that it is asked, once`, async () => {
    await simulate(async ({ client, fake }) => {
      const fault = fake.fault({ on: "GET /agent", skip: 1, act });
      await client.agents();
      await assert.rejects(client.agents(), { name: "OpenCodeError", problem });
      assert.ok((await client.agents()).length > 0);
      assert.equal(fault.struck, 1);
      fake.assertAllUsed();
    });
  });
}

Deno.test("a directory hangs while the health page and the others are well", async () => {
  await simulate(async ({ client, fake, in: clientIn }) => {
    const wedged = fake.fault({
      on: ({ route, directory }) => directory === "/project" && route !== "GET /global/health",
      times: Infinity,
      act: withhold,
    });
    assert.equal((await client.health()).version, "1.18.33");
    await assert.rejects(client.busy(), { problem: "timeout" });
    await assert.rejects(client.createSession({ title: "x" }), { problem: "timeout" });
    assert.equal((await clientIn("/other").busy()).size, 0);
    wedged.remove();
    assert.equal((await client.busy()).size, 0);
  });
});

/** The stream's first events come at the end of each four, in the wrong order. */
function reorder(): (data: string) => readonly string[] {
  const held: string[] = [];
  return (data) => {
    held.push(data);
    return held.length < 4 ? [] : held.splice(0).reverse();
  };
}

type Seen = readonly AgentEvent["type"][];

/** A change of the events, and what it does to those of a turn: `plain` are those without it. */
const streams: Readonly<
  Record<string, [(data: string) => readonly string[], (seen: Seen, plain: Seen) => boolean]>
> = {
  dropped: [(data) => data.includes("idle") ? [] : [data], (seen) => !seen.includes("idle")],
  repeated: [
    (data) => [data, data],
    (seen, plain) => seen.filter(isText).length === 2 * plain.filter(isText).length,
  ],
  reordered: [reorder(), (seen, plain) => seen.indexOf("text") < plain.indexOf("text")],
  malformed: [(data) => [data.slice(0, -3), "{not json"], (seen) => seen.length === 0],
  silent: [
    (data) => data.includes("server.connected") ? [data] : [],
    (seen) => seen.length === 0,
  ],
};
const isText = (type: string) => type === "text";

for (const [name, [change, isChanged]] of Object.entries(streams)) {
  Deno.test(`a turn settles although its events are ${name}`, async () => {
    await simulate(async ({ fake, turn }) => {
      const plain: AgentEvent["type"][] = [];
      await turn({ watch: ({ type }) => plain.push(type) });
      assert.ok(plain.includes("idle") && plain.filter(isText).length >= 4, `${plain}`);

      fake.editEvents(change);
      const seen: AgentEvent["type"][] = [];
      const { end, usage } = await turn({ watch: ({ type }) => seen.push(type) });
      assert.ok(isChanged(seen, plain), `${seen.join()} after ${plain.join()}`);
      assert.equal(end.kind === "finished" && end.text, "piece 1 piece 2 ");
      assert.equal(usage.modelCalls, 1);
    }, { script: () => slow({ chunks: 2, everyMs: 5_000 }) });
  });
}

Deno.test("a turn settles although the stream is closed again and again", async () => {
  await simulate(async ({ clock, fake, turn }) => {
    const closeSoon = () => {
      fake.closeStreams();
      cancel = clock.after(700, closeSoon);
    };
    let cancel = clock.after(700, closeSoon);
    let connected = 0;
    const { end } = await turn({ watch: ({ type }) => type === "connected" && connected++ });
    cancel();
    assert.equal(end.kind, "finished");
    assert.ok(connected > 3, `${connected}`);
  }, { script: () => slow({ chunks: 2, everyMs: 5_000 }) });
});

Deno.test("killed, its turn is lost and its state is kept; the next one may be of another version", async () => {
  await simulate(async ({ client, clock, fake, turn }) => {
    clock.after(3_000, () => fake.kill());
    clock.after(6_000, () => fake.start({ version: "1.19.0" }));
    let brokeAt = 0;
    const { end, sessionId } = await turn({
      watch({ type }) {
        if (type === "disconnected") brokeAt = clock.monotonic();
      },
    });
    assert.equal(brokeAt, 3_000);
    assert.equal(end.kind, "interrupted");
    assert.match(end.kind === "interrupted" ? end.why : "", /^the server went away/);
    assert.equal((await client.health()).version, "1.19.0");
    assert.equal((await client.messages(sessionId)).at(-1)?.completedAt, undefined);
    const [ended] = fake.ledger.filter(({ type }) => type === "turn_ended");
    assert.equal(ended?.type === "turn_ended" && ended.how, "lost");
  }, { script: () => slow({ chunks: 10, everyMs: 1_000 }) });
});

Deno.test("killed for the network alone, its turn goes on and is found", async () => {
  await simulate(async ({ client, clock, fake, turn }) => {
    clock.after(3_000, () => fake.kill({ turns: "go_on" }));
    clock.after(4_000, () => {
      void assert.rejects(client.health(), { problem: "unreachable", message: /refused/ });
    });
    clock.after(20_000, () => fake.start());
    const { end } = await turn();
    assert.equal(end.kind, "finished");
    const [ended] = fake.ledger.filter(({ type }) => type === "turn_ended");
    assert.equal(ended?.type === "turn_ended" && ended.how, "finished");
  }, { script: () => slow({ chunks: 10, everyMs: 1_000 }) });
});

Deno.test("an abort that comes too early is confirmed, and the turn begins late", async () => {
  await simulate(async ({ client, clock, fake }) => {
    const { id } = await client.createSession({ title: "late" });
    await client.prompt(id, { text: "go" });
    await client.abort(id);
    assert.deepEqual(await client.messages(id), []);
    assert.equal((await client.busy()).size, 0);
    assert.equal(await abortTurn({ client, clock, sessionId: id }), true);
    assert.deepEqual(typesOf(fake).slice(-2), ["abort", "turn_ended"]);
    const aborts = fake.ledger.flatMap((entry) => entry.type === "abort" ? [entry.effective] : []);
    assert.equal(aborts.length > 2 && aborts.findIndex((each) => each), aborts.length - 1);
  }, { script: () => hang(), timings: { promptMs: 3_000 } });
});

Deno.test("an abort is lost, and again", async () => {
  await simulate(async ({ client, clock, fake }) => {
    const { id } = await client.createSession({ title: "deaf" });
    await client.prompt(id, { text: "go" });
    fake.fault({ on: "POST /session/:id/abort", times: 3, act: answer(200, "true") });
    assert.equal(await abortTurn({ client, clock, sessionId: id }), true);
    assert.ok(clock.monotonic() > 3_000);
    assert.equal(typesOf(fake).filter((type) => type === "abort").length, 1);
    fake.assertAllUsed();
  }, { script: () => hang() });
});

const refusals: readonly [string, string, Reply, readonly number[]][] = [
  ["1.18.33", "a failure", httpError(500), [2, 4, 8, 16, 30]],
  ["1.18.33", "a rate limit", httpError(429, {}, { "retry-after": "7" }), [7, 7, 7, 7, 7]],
  ["1.18.33", "a stream that falls silent", hang(), [2, 4, 8, 16, 30]],
  ["1.18.33", "no answer at all", hangBeforeHeaders(), [2, 4, 8, 16, 30]],
  ["1.1.53", "a failure", httpError(500), [2, 4, 8, 16, 32, 64]],
];
for (const [version, name, reply, expected] of refusals) {
  Deno.test(`${version} asks the provider again after ${name}, each time later`, async () => {
    await simulate(async ({ clock, turn }) => {
      const waits: number[] = [];
      const stopping = new AbortController();
      const { end } = await turn({
        limits: { ...LIMITS, silenceMs: Infinity, turnMs: Infinity, retryMs: Infinity },
        signal: stopping.signal,
        watch(event) {
          if (event.type !== "busy" || event.busy.type !== "retry") return;
          waits.push((event.busy.nextAt - clock.now()) / 1_000);
          if (waits.length > 5) stopping.abort();
        },
      });
      assert.deepEqual(waits, expected);
      if (version === "1.1.53") assert.deepEqual(end, { kind: "stopped", confirmed: true });
      else assert.equal(end.kind === "finished" && end.error?.name, "APIError");
    }, { version, script: () => reply });
  });
}

Deno.test("1.1.53 never notices that its provider has fallen silent", async () => {
  await simulate(async ({ clock, turn }) => {
    const { end } = await turn({ limits: { ...LIMITS, silenceMs: 9e6, turnMs: 9e7 } });
    assert.equal(end.kind === "timeout" && end.limit, "silence");
    assert.ok(clock.monotonic() > 9e6);
  }, { version: "1.1.53", script: () => hang() });
});

Deno.test("a slow answer comes; one that is too late has its effect all the same", async () => {
  await simulate(async ({ clock, client, fake }) => {
    fake.fault({ on: "GET /agent", act: late(clock, 4_000) });
    await client.agents();
    assert.equal(clock.monotonic(), 4_000);

    fake.fault({ on: PROMPT, act: late(clock, 11_000) });
    const { id } = await client.createSession({ title: "late" });
    await assert.rejects(client.prompt(id, { text: "go" }), { problem: "timeout" });
    assert.equal(typesOf(fake).includes("prompt"), false);
    await sleep(clock, 2_000);
    assert.equal(typesOf(fake).includes("prompt"), true);
    fake.assertAllUsed();
  });
});

Deno.test("what a script left unused, or did not expect, fails the test", async () => {
  await simulate(async ({ fake, turn }) => {
    fake.setScript(turns([say("one"), say("two")]));
    await turn();
    assert.throws(() => fake.assertAllUsed(), /1 replies were not asked for/);

    fake.setScript(turns([say("one")]));
    await turn();
    fake.assertAllUsed();
    fake.fault({ on: "GET /agent", act: drop });
    assert.throws(() => fake.assertAllUsed(), /a fault on GET \/agent met no request/);

    const { end } = await turn();
    assert.equal(end.kind === "finished" && end.error?.name, "APIError");
    assert.throws(() => fake.assertAllUsed(), /no turn was expected, but prompted: go/);
  });
});

Deno.test("behind a port: dropped, cut, killed, refused, and back on the same port", async () => {
  const fake = createFakeOpenCode({ clock: systemClock });
  await using server = await serveFake(fake);
  const client = createClient({ url: server.url, directory: "/p", clock: systemClock });
  const held = gate();
  fake.fault({ on: PROMPT, act: drop });
  fake.fault({ on: "GET /agent", act: cutAfter(5) });
  fake.fault({ on: "GET /session", act: held.act });

  const { id } = await client.createSession({ title: "x" });
  await assert.rejects(client.prompt(id, { text: "go" }), { problem: "unreachable" });
  assert.equal(typesOf(fake).filter((type) => type === "prompt").length, 0);
  await assert.rejects(client.agents(), { problem: "unreachable" });

  const listing = assert.rejects(client.sessions(), { problem: "unreachable" });
  await held.reached;
  await server.kill();
  await listing;
  await assert.rejects(client.health(), { problem: "unreachable", message: /refused/ });
  await server.start();
  assert.equal((await client.session(id))?.id, id);
  held.open();
  fake.assertAllUsed();
});
