/** Answers that a server must not give, at every place where one is read. */
import assert from "node:assert/strict";
import { answer, cutAfter, edit } from "../support/fake_faults.ts";
import { drop, type Intercept, withhold } from "../support/recording_proxy.ts";
import { after, MINUTE, night, SECOND } from "./night.ts";
import { honestAgent } from "./world.ts";

const slowAgent: typeof honestAgent = async (request) => {
  const reply = await honestAgent(request);
  return request.step === 0 ? after(5 * MINUTE, reply) : reply;
};

/** What passes by itself, and what is shown meanwhile. */
const PASSING: readonly [string, Intercept, RegExp][] = [
  ["500", answer(500, `{"name":"UnknownError"}`), /answered 500: UnknownError$/],
  ["502 as a page", answer(502, "<h1>Bad Gateway", "text/html"), /answered 502$/],
  ["503", answer(503), /answered 503$/],
  ["429", answer(429), /answered 429$/],
  ["a page with 200", answer(200, "<!doctype html>", "text/html"), /something else than OpenCode/],
  ["a page with 404", answer(404, "<h1>Not Found", "text/html"), /something else than OpenCode/],
  ["a redirect", () => Response.redirect("http://other.test/"), /something else than OpenCode/],
  ["garbage", answer(200, "\x1b]0;pwned\x07{"), /not JSON|something else than OpenCode/],
  ["nothing with 200", answer(200, ""), /not JSON|something else than OpenCode/],
  ["truncated JSON", cutAfter(1), /broke|not JSON/],
  ["JSON of another shape", answer(200, "42"), /not understood|something else than OpenCode/],
  ["JSON as another type", edit((text) => text, "text/plain"), /something else than OpenCode/],
  ["a broken connection", drop, /cannot reach OpenCode/],
  ["no answer", withhold, /did not answer within|more than 3 s/],
];

for (const [name, act, shown] of PASSING) {
  Deno.test(`${name} for five minutes in mid-turn: the reason is shown, the same turn goes on`, async () => {
    await using it = await night({ script: slowAgent }, async (night) => {
      await night.working();
      const trouble = night.fault({ times: Infinity, act });
      await night.pass(10 * SECOND);
      assert.match(night.status(), /^waiting for server: /);
      assert.match(night.status(), shown);
      await night.pass(5 * MINUTE);
      trouble.remove();
    });
    const { iterations } = await it.ended("completed", "all_stories_pass");
    assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
  });

  Deno.test(`${name} for five minutes between turns: the reason is shown, no iteration is spent`, async () => {
    await using it = await night({}, async (night) => {
      const trouble = night.fault({ times: Infinity, act });
      await night.pass(10 * SECOND);
      assert.match(night.status(), /^waiting for server: /);
      assert.match(night.status(), shown);
      await night.pass(5 * MINUTE);
      trouble.remove();
    });
    const { iterations } = await it.ended("completed", "all_stories_pass");
    assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
  });
}

const LASTING: readonly [string, Intercept, RegExp][] = [
  ["401", answer(401), /asks for a password, and none was sent$/],
  ["403", answer(403, `{"message":"go away"}`), /answered 403: go away$/],
];

for (const [name, act, why] of LASTING) {
  Deno.test(`${name} between turns ends the session at once, with the reason`, async () => {
    await using it = await night({}, undefined, ({ fault }) => {
      fault({ times: Infinity, act });
    });
    const { iterations, sessions } = await it.ended("failed", "server_unreachable");
    assert.equal(iterations.length, 0);
    assert.match(sessions[0].detail ?? "", why);
    assert(it.seconds < 1, `${it.seconds} s`);
  });

  Deno.test(`${name} forever in mid-turn: shown, and after ten minutes the end`, async () => {
    await using it = await night({ script: slowAgent }, async (night) => {
      await night.working();
      night.fake.kill();
      night.fake.start();
      night.fault({ times: Infinity, act });
      await night.pass(10 * SECOND);
      assert.match(night.status(), /^waiting for server: /);
      assert.match(night.status(), why);
    });
    const { iterations, sessions } = await it.ended("failed", "server_unreachable");
    assert.deepEqual(iterations.map(({ outcome }) => outcome), ["interrupted"]);
    assert.match(sessions[0].detail ?? "", why);
    assert(it.seconds < 11 * 60, `${it.seconds} s`);
  });
}

Deno.test("an OpenCode session that is gone in mid-turn was interrupted, and is not waited for", async () => {
  await using it = await night({ script: slowAgent }, async ({ working, fault }) => {
    await working();
    const act = answer(404, `{"name":"NotFoundError","data":{"message":"Session not found"}}`);
    fault({ on: "GET /session/:id/message", act });
  });
  const { iterations } = await it.ended("completed", "all_stories_pass");
  assert.deepEqual(iterations.map(({ outcome, detail }) => [outcome, detail]), [
    ["interrupted", "its OpenCode session is gone"],
    ["advanced", "US-001 passes"],
  ]);
});
