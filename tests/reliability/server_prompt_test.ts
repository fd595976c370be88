/** A prompt on its way to a server in trouble: it must not run twice, nor be said to have run. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { afterEffect, answer, edit, type Fault, late } from "../support/fake_faults.ts";
import { drop, type Intercept, withhold } from "../support/recording_proxy.ts";
import { GENERATION, REQUESTS } from "./fake_requests.ts";
import { after, MINUTE, night, SECOND } from "./night.ts";
import { assertNothingLost } from "./nothing_lost.ts";
import { createWorld, honestAgent } from "./world.ts";

const { prompt: PROMPT, create: CREATE } = REQUESTS;
/** OpenCode 2 takes a prompt that it has but once, so that it is asked again. */
const IS_REPEATED = GENERATION === 2;
const refused: Intercept = () =>
  Promise.reject(new TypeError("tcp connect error: Connection refused (os error 111)"));
const refusal = (status: number, retryAfter: string): Intercept => () =>
  new Response("", { status, headers: { "retry-after": retryAfter } });

const LOST_REPLIES: readonly [string, Intercept][] = [
  ["the connection breaks", drop],
  ["no answer comes", withhold],
  ["a proxy answers 502", answer(502, "<h1>Bad Gateway", "text/html")],
  ["OpenCode answers 500", answer(500, "{}")],
  ["a page comes with 200", edit(() => "<!doctype html>", "text/html")],
  ["garbage comes with 200", answer(200, "{")],
];

for (const [name, act] of LOST_REPLIES) {
  Deno.test(`a prompt that took effect, and then ${name}: its turn is followed, not repeated`, async () => {
    await using it = await night({}, undefined, ({ fault }) => {
      fault({ on: PROMPT, act: afterEffect(act) });
    });
    const { iterations } = await it.ended("completed", "all_stories_pass");
    assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
  });

  if (name.includes("with 200")) continue; // that needs an effect
  const becomes = IS_REPEATED ? "sent again" : "interrupted, what is not known is said";
  Deno.test(`a prompt without effect, because ${name}: ${becomes}`, async () => {
    await using it = await night({}, undefined, ({ fault }) => fault({ on: PROMPT, act }));
    const { iterations } = await it.ended("completed", "all_stories_pass");
    const outcomes = iterations.map(({ outcome }) => outcome);
    if (IS_REPEATED) return assert.deepEqual(outcomes, ["advanced"]);
    assert.deepEqual(outcomes, ["interrupted", "advanced"]);
    assert.match(
      iterations[0].detail ?? "",
      /^it is not known whether the prompt reached the server, and no agent started: /,
    );
    assert.equal(iterations[0].prompted_at, null);
  });
}

Deno.test("a prompt that surely did not arrive is sent again, in the same iteration", async () => {
  const unsent: readonly [string, Fault["act"]][] = [
    ["connection refused", refused],
    ["answered 429", answer(429)],
  ];
  for (const [why, act] of unsent) {
    await using it = await night({}, async ({ fault, pass, status }) => {
      const trouble = fault({ on: PROMPT, times: Infinity, act });
      await pass(10 * SECOND);
      assert.match(status(), new RegExp(`^waiting for server: .*${why}$`));
      await pass(5 * MINUTE);
      trouble.remove();
    });
    const { iterations } = await it.ended("completed", "all_stories_pass");
    assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
  }
});

Deno.test("a prompt that is declined is not sent again and again: three, and the reason", async () => {
  let sent = 0;
  await using it = await night({}, undefined, ({ fault }) => {
    fault({
      on: PROMPT,
      times: Infinity,
      act: (request, forward) => {
        sent++;
        return answer(400, `{"data":{"message":"part 3 is not valid"}}`)(request, forward);
      },
    });
  });
  const { iterations, sessions } = await it.ended("failed", "provider_error");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), ["error", "error", "error"]);
  assert.match(
    sessions[0].detail ?? "",
    /nothing was sent to the agent: .* 400: part 3 is not valid$/,
  );
  assert.equal(sent, 3);
});

Deno.test("a server that says when to come back is left alone until then, but not forever", async () => {
  // What it does not say is a wait of the session's own, a quarter more or less.
  const cases = [["20", 20, 20], ["86400", 60, 60], ["soon", 0.375, 0.625]] as const;
  for (const [retryAfter, least, most] of cases) {
    for (const [on, status] of [[PROMPT, 429], [CREATE, 503]] as const) {
      const asked: number[] = [];
      await using it = await night({}, undefined, ({ clock, fault }) => {
        fault({
          on,
          times: 2,
          act(request, forward) {
            asked.push(clock.monotonic());
            return asked.length === 1 ? refusal(status, retryAfter)(request, forward) : forward();
          },
        });
      });
      await it.ended("completed", "all_stories_pass");
      const seconds = (asked[1] - asked[0]) / SECOND;
      assert(seconds >= least && seconds <= most, `${status}, ${retryAfter}: ${seconds} s`);
    }
  }
});

Deno.test("an OpenCode session whose creation was not told is found and used: there are no two", async () => {
  for (const act of [drop, withhold, answer(502), edit(() => "{", "application/json")]) {
    await using it = await night({}, undefined, ({ fault }) => {
      fault({ on: CREATE, times: 1, act: afterEffect(act) });
    });
    const { iterations } = await it.ended("completed", "all_stories_pass");
    assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
    const made = it.world.fake.ledger.filter(({ type }) => type === "session_created");
    assert.equal(made.length, 1);
  }
});

const lateBecomes = IS_REPEATED
  ? "is the one that was sent again, and works once"
  : "works for seconds beside the next turn, and its use is unknown";
Deno.test(`a prompt that is taken up after it was given up ${lateBecomes}`, async () => {
  await using world = await createWorld({
    stories: 1,
    script: async (request) => after(2 * MINUTE, await honestAgent(request)),
  });
  world.fake.fault({ on: PROMPT, act: late(world.clock, 60 * SECOND) });
  const worker = world.work();
  const end = await world.clock.run(worker.end);
  assert.equal(end?.status, "completed");
  if (IS_REPEATED) {
    const { iterations } = await assertNothingLost(world);
    assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
    return;
  }
  const [first] = world.fake.ledger.flatMap((one) => one.type === "session_created" ? [one] : []);
  const times = (type: string) =>
    world.fake.ledger.flatMap((one) =>
      one.type === type && "sessionId" in one && one.sessionId === first.sessionId ? [one.at] : []
    );
  const [began] = times("turn_began");
  const [ended] = times("turn_ended");
  assert(ended - began < 5 * SECOND, `it worked for ${ended - began} ms`);
  assert(
    worker.events.some((event) =>
      event.type === "warning" && /still at work in OpenCode session/.test(event.text)
    ),
  );
  const db = new DatabaseSync(world.database, { readOnly: true });
  const row = db.prepare("SELECT outcome, model_calls FROM iterations WHERE number = 1").get();
  db.close();
  assert.deepEqual({ ...row }, { outcome: "interrupted", model_calls: null });
});
