/**
 * Hours of trouble with the model or its provider, on a clock of their own: how long the loop waits,
 * what it counts, and that nothing was lost.
 */
import assert from "node:assert/strict";
import { sleep } from "../../src/clock.ts";
import { write } from "../support/agent.ts";
import type { FakeScript } from "../support/fake_script.ts";
import {
  call,
  cutOff,
  empty,
  errorInAnswer,
  hang,
  httpError,
  malformed,
  type Reply,
  reset,
  say,
  slow,
  think,
} from "../support/scripted_model.ts";
import { assertNothingLost } from "./nothing_lost.ts";
import { MINUTE, night, SECOND } from "./night.ts";
import { createWorld, honestAgent, tickStory, type WorldOptions } from "./world.ts";
import { NEWEST } from "../support/install.ts";

const HOUR = 60 * MINUTE;
const OLD = "1.1.53";

const limited = (seconds?: number): Reply =>
  httpError(
    429,
    { error: { message: "Rate limit reached" } },
    seconds === undefined ? {} : { "retry-after": String(seconds) },
  );

/** Answers so often with `reply`, then does its story. */
function after(times: number, reply: Reply): FakeScript {
  let asked = 0;
  return (request) => asked++ < times ? reply : honestAgent(request);
}

for (const version of [OLD, NEWEST]) {
  Deno.test(`a quota that comes back after five hours costs those, and nothing else (${version})`, async () => {
    const script = after(1, limited(5 * 3_600));
    await using five = await night(
      { version, script, hours: 6, limits: { iterations: 1 } },
      async (now) => {
        await now.working();
        await now.pass(HOUR);
        assert.match(now.status(), /^rate limited, asked again at 05:0\d UTC: Rate limit reached$/);
      },
    );
    const { iterations } = five.ended("completed", "all_stories_pass");
    assert.equal(iterations.length, 1);
    assert(five.seconds * SECOND > 5 * HOUR && five.seconds * SECOND < 5 * HOUR + 5 * MINUTE);
  });

  Deno.test(`a quota that comes back unannounced is noticed within the limit (${version})`, async () => {
    const backAt = Date.UTC(2026, 0, 1, 5);
    let clock: { now(): number } = { now: () => 0 };
    const script: FakeScript = (request) => clock.now() < backAt ? limited() : honestAgent(request);
    await using back = await night(
      { version, script, hours: 7, limits: { iterations: 1 } },
      () => Promise.resolve(),
      (scene) => clock = scene.clock,
    );
    back.ended("completed", "all_stories_pass");
    assert(back.seconds * SECOND < 6 * HOUR, `${back.seconds} s`);
  });

  Deno.test(`a provider that refuses forever is given up after six hours (${version})`, async () => {
    await using forever = await night({ version, script: () => limited(), hours: 7 });
    const { iterations, sessions } = forever.ended("failed", "provider_error");
    assert(forever.seconds * SECOND <= 6 * HOUR + 5 * MINUTE, `${forever.seconds} s`);
    assert.match(
      sessions[0].detail ?? "",
      /^waiting for the provider takes longer than 360 min: .*Rate limit reached/,
    );
    assert(iterations.length <= 40, `${iterations.length} iterations`);
  });

  Deno.test(`a silent model is told, and ended each time (${version})`, async () => {
    await using silent = await night(
      { version, script: () => hang(), limits: { errors: 2 } },
      async (now) => {
        await now.working();
        await now.pass(2 * MINUTE);
        assert.match(
          now.status(),
          /^nothing heard of the agent since .*00:0\d UTC, ended at 00:1\d UTC$/,
        );
      },
    );
    silent.ended("failed", "provider_error");
    assert(silent.seconds * SECOND < 2 * HOUR, `${silent.seconds} s`);
  });
}

Deno.test("a turn that a limit ended costs no iteration, and the next one begins when it is over", async () => {
  // Six refusals end a turn of 1.18.33; so does the seventh to the twelfth.
  const script = after(12, limited(60));
  await using refused = await night({ script, limits: { iterations: 1 } });
  const { iterations } = refused.ended("completed", "all_stories_pass");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["error", "error", "advanced"]);
  for (const { detail } of iterations.slice(0, 2)) {
    assert.equal(
      detail,
      "the provider takes no requests for now: APIError: Rate limit reached",
    );
  }
  assert(refused.seconds >= 12 * 60, `${refused.seconds} s`);
  const told = refused.world.fake.ledger.flatMap((one) => one.type === "prompt" ? [one.text] : []);
  assert(told.every((text) => !text.includes("Rate limit")), "it is no matter of the agent");
});

Deno.test("an iteration in which the agent worked counts, though the provider refused then", async () => {
  const script: FakeScript = ({ step }) =>
    step === 0 ? call(write("work.txt", "half of it")) : limited();
  await using half = await night({ script, limits: { iterations: 2 } });
  const { iterations } = half.ended("stopped", "max_iterations");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["error", "error"]);
});

Deno.test("what the gates said is told again after a refusal", async () => {
  const claims: FakeScript = (request) =>
    request.step === 0 ? call(tickStory(request)) : say("done");
  const scripts = [claims, () => limited(), claims];
  const seen: string[] = [];
  const script: FakeScript = (request) => {
    if (seen.at(-1) !== request.sessionId) seen.push(request.sessionId);
    return scripts[seen.length - 1](request);
  };
  await using told = await night({ script, limits: { iterations: 2 } });
  assert.deepEqual(
    told.ended("stopped", "max_iterations").iterations.map(({ outcome }) => outcome),
    [
      "nothing",
      "error",
      "nothing",
    ],
  );
  const prompts = told.world.fake.ledger.flatMap((one) => one.type === "prompt" ? [one.text] : []);
  assert.match(prompts[1], /was claimed and taken back|fails/);
  assert.equal(prompts[2], prompts[1]);
});

Deno.test("a stop ends the wait for a provider at once", async () => {
  let stoppedAt = 0;
  await using stopped = await night({ script: () => limited() }, async (now) => {
    await now.iterationEnded(3);
    await now.pass(SECOND);
    assert.match(now.status(), /^rate limited, asked again at .* UTC: /);
    stoppedAt = now.clock.monotonic();
    now.worker.stop();
  });
  stopped.ended("stopped", "user_stop");
  assert(stopped.world.clock.monotonic() - stoppedAt < SECOND);
});

Deno.test("the session's time ends the wait for a provider", async () => {
  const limits = { durationMs: 10 * MINUTE };
  await using short = await night({ script: () => limited(), limits });
  short.ended("stopped", "budget");
  assert(Math.abs(short.seconds - 600) < 10, `${short.seconds} s`);
});

Deno.test("a worker that dies in the wait loses nothing: the next one waits for the rest", async () => {
  await using world = await createWorld({ stories: 1, script: after(6, limited(1_800)) });
  const first = world.work();
  const { clock } = world;
  await clock.run((async () => {
    while (!first.events.some(({ type }) => type === "iteration_ended")) await sleep(clock, MINUTE);
    await sleep(clock, MINUTE);
    first.kill();
    await first.end;
  })());
  const diedAt = clock.monotonic();
  const second = world.work();
  const end = await clock.run(second.end);
  assert.equal(end?.status, "completed", end?.detail);
  const waitedMs = clock.monotonic() - diedAt;
  assert(waitedMs > 27 * MINUTE && waitedMs < 31 * MINUTE, `${waitedMs} ms`);
  const { iterations } = await assertNothingLost(world);
  assert.equal(iterations.length, 2);
});

Deno.test("answers without end, and answers that break off, end within their limits", async () => {
  const endless = slow({ chunks: 5_000, everyMs: 5_000 });
  await using long = await night({ script: () => endless, limits: { errors: 1 } });
  long.ended("failed", "provider_error");
  assert(long.seconds > 3_600 && long.seconds < 3_700, `${long.seconds} s`);
  const limits = { rateLimitMs: MINUTE, iterations: 1, errors: 1, noProgress: 1 };
  await using broken = await night({ script: () => cutOff(), limits, processes: false });
  const { iterations, sessions } = broken.ended("failed", "provider_error");
  assert.match(sessions[0].detail ?? "", /provider takes longer than 60 s: the model broke off/);
  assert(iterations.length > 1, "they cost no iteration");
  assert(iterations.every(({ model_calls }) => (model_calls ?? 99) <= 10));
  assert(broken.seconds < 60, `${broken.seconds} s`);
});

/** What a provider may answer with that means nothing but that it is in trouble, and OpenCode's words. */
const TROUBLE: readonly [string, Reply, words: RegExp, ofOpenCode2?: RegExp][] = [
  ["an empty answer", empty(), /answer was empty/],
  [
    "an empty answer without usage",
    empty({ prompt: 0, cached: 0, completion: 0, reasoning: 0 }),
    /answer was empty/,
  ],
  ["thinking alone", think("hm", ""), /answer was empty/],
  [
    "a stream that breaks off",
    cutOff(),
    /the model broke off 5 times in a row/,
    /stream ended without a terminal finish event/,
  ],
  ["garbage", malformed(), /JSON parsing failed/, /Invalid .* stream event/],
  [
    "an error inside an answer",
    errorInAnswer({ message: "Provider returned error", code: 502 }),
    /Provider returned error/,
    /Invalid .* stream event/,
  ],
];
const OF_OPENCODE2: typeof TROUBLE = [
  [
    "an error in the place of an answer",
    httpError(200, { error: { message: "Provider returned error", code: 429 } }),
    /stream ended without a terminal finish event/,
  ],
  ["a connection that is reset", reset(), /Failed to read .* stream/],
];
const BY_VERSION = [
  ...[OLD, NEWEST].flatMap((version) => TROUBLE.map((one) => [version, ...one] as const)),
  ...[...TROUBLE, ...OF_OPENCODE2].map((one) => ["local", ...one] as const),
];
const LIMITS = { iterations: 1, errors: 1, noProgress: 1 };

for (const [version, name, reply, of1, of2 = of1] of BY_VERSION) {
  Deno.test(`${name} is the provider's trouble, waited out at no cost (${version})`, async () => {
    const turns = new Set<string>();
    const script: FakeScript = (request) =>
      turns.add(request.sessionId).size <= 4 ? reply : honestAgent(request);
    await using trouble = await night(
      { version, script, limits: LIMITS, processes: false },
      async (now) => {
        await now.iterationEnded(2);
        await now.pass(SECOND);
        assert.match(now.status(), version === "local" ? of2 : of1);
      },
    );
    const { iterations } = trouble.ended("completed", "all_stories_pass");
    const outcomes = iterations.map(({ outcome }) => outcome === "timeout" ? "error" : outcome);
    assert.deepEqual(outcomes, ["error", "error", "error", "error", "advanced"]);
    assert(trouble.seconds > 5 + 10 + 20 + 40, `${trouble.seconds} s`);
  });
}

for (const version of [OLD, NEWEST, "local"]) {
  Deno.test(`a bad minute of the provider in mid-turn is no failure of the agent's (${version})`, async () => {
    const bad = [cutOff(), malformed(), errorInAnswer({ message: "Provider returned error" })];
    const turns = new Set<string>();
    const script: FakeScript = (request) => {
      const reply = bad[turns.add(request.sessionId).size - 1];
      if (reply === undefined) return honestAgent(request);
      return request.step === 0 ? call(write("work.txt", request.sessionId)) : reply;
    };
    const limits = { ...LIMITS, iterations: 4 };
    await using minute = await night({ version, script, limits, processes: false });
    const { iterations } = minute.ended("completed", "all_stories_pass");
    assert.deepEqual(iterations.map(({ outcome }) => outcome).at(-1), "advanced");
    assert.equal(iterations.length, 4, "each costs an iteration, and none ends the session");
    assert(minute.seconds > 5 + 10 + 20, `${minute.seconds} s`);
  });
}

Deno.test("a model that cannot call tools ends the session after one round, with the way out", async () => {
  const printed = say('<tool_call>{"name":"write","arguments":{}}</tool_call>');
  const model = { providerId: "fake", modelId: "notools" };
  const refusing = httpError(400, { error: { message: "x:latest does not support tools" } });
  const cases: [WorldOptions, RegExp][] = [
    [{ script: () => printed }, /wrote its tool calls as text/],
    [{ script: () => say("I would do it so."), model }, /on record as one that cannot/],
    [{ script: () => refusing }, /does not support tools/],
  ];
  for (const [options, words] of cases) {
    await using none = await night({ ...options, processes: false });
    const { iterations, sessions } = none.ended("failed", "provider_error");
    assert.equal(iterations.length, 1);
    assert.match(sessions[0].detail ?? "", words);
    assert.match(sessions[0].detail ?? "", /take a model that can call tools, with `--model`/);
  }
});
