/** Sessions on OpenCode 2, and on a server that is updated from one generation to the other. */
import assert from "node:assert/strict";
import type { FakeScript } from "../support/fake_script.ts";
import { drop } from "../support/recording_proxy.ts";
import { call } from "../support/scripted_model.ts";
import { after, night, SECOND } from "./night.ts";
import { assertNothingLost } from "./nothing_lost.ts";
import { createWorld, honestAgent } from "./world.ts";

const UNTESTED = "of OpenCode 2, no release was tested: only a build of July 2026";

for (const version of ["local", "2.0.12", "2.0.26"]) {
  Deno.test(`${version}: a session goes from its first story to its last`, async () => {
    await using it = await night({ stories: 3, version });
    const { iterations } = it.ended("completed", "all_stories_pass");
    assert.deepEqual(iterations.map(({ outcome }) => outcome), Array(3).fill("advanced"));
    assert.deepEqual(it.warnings(), [`OpenCode has version ${version}: ${UNTESTED}`]);
  });

  Deno.test(`${version}: a prompt whose answer is lost is sent again, and done once`, async () => {
    await using it = await night({ stories: 1, version }, undefined, ({ fault }) => {
      const act = async (_: unknown, forward: () => Promise<Response>) => {
        await forward();
        return drop();
      };
      fault({ on: "POST /api/session/:id/prompt", act });
    });
    const { iterations } = it.ended("completed", "all_stories_pass");
    assert.deepEqual(iterations.map(({ outcome }) => outcome), ["advanced"]);
    assert.equal(it.world.fake.ledger.filter(({ type }) => type === "prompt").length, 1);
  });
}

Deno.test("a server that is updated to OpenCode 2 between two turns: the work goes on", async () => {
  await using it = await night({ stories: 3, version: "1.18.33" }, undefined, (scene) => {
    const { fake, fault, clock } = scene;
    fault({
      on: "GET /global/health",
      skip: 2,
      act() {
        fake.kill();
        clock.after(SECOND, () => fake.start({ version: "2.0.26" }));
        return drop();
      },
    });
  });
  const { iterations } = it.ended("completed", "all_stories_pass");
  assert.deepEqual(iterations.map(({ outcome }) => outcome), Array(3).fill("advanced"));
  assert.deepEqual(it.warnings(), [`OpenCode is 2.0.26 now: it was 1.18.33 before; ${UNTESTED}`]);
});

Deno.test("a release of OpenCode 2 that is too old ends the session, and its error says so", async () => {
  await using it = await night({ stories: 1, version: "2.0.3" });
  const { sessions } = it.ended("failed", "server_unreachable");
  assert.match(sessions[0].detail ?? "", /is 2\.0\.3: of OpenCode 2, ralph works with 2\.0\.7/);
});

/** Fills what the model `tiny` takes with each answer. */
const big = () => ({
  ...call({ name: "shell", input: { command: "true" } }),
  usage: { prompt: 8_000, cached: 0, completion: 100, reasoning: 0 },
});
const tiny = { providerId: "fake", modelId: "tiny" };

Deno.test("shortened conversations count, though no event tells of them", async () => {
  const limits = { compactions: 5, errors: 1 };
  const options = { stories: 1, version: "local", script: big, model: tiny, limits };
  await using it = await night(
    { ...options, hours: 0.1, processes: false },
    undefined,
    ({ fake, clock }) => {
      fake.editEvents((data) => data.includes("session.compaction.") ? [] : [data]);
      const breakOff = () => {
        fake.closeStreams();
        clock.after(SECOND / 10, breakOff);
      };
      clock.after(SECOND / 10, breakOff);
    },
  );
  const { iterations } = it.ended("failed", "provider_error");
  assert.equal(iterations[0].detail, "the conversation was shortened more than 5 times");
  assert((iterations[0].model_calls ?? 99) < 100, `${iterations[0].model_calls} model calls`);
});

for (const version of ["local", "2.0.26"]) {
  Deno.test(`${version}: a turn that another worker goes on with is counted once, titles and shortening with it`, async () => {
    const shortened = Promise.withResolvers<void>();
    let calls = 0;
    const script: FakeScript = (request) => {
      calls++;
      if (calls === 4) shortened.resolve();
      return calls < 8 ? after(SECOND, big()) : honestAgent(request);
    };
    await using world = await createWorld({ stories: 1, version, script, model: tiny });
    const worker = world.work();
    await world.clock.run(shortened.promise);
    worker.kill();
    const end = await world.clock.run(world.work().end);
    assert.equal(end?.status, "completed");
    // It compares with what the server counts.
    const { iterations } = await assertNothingLost(world);
    const [{ model_calls, cost_usd, input_tokens }] = iterations;
    assert(input_tokens !== null && input_tokens > 7 * 8_000, `${input_tokens} tokens`);
    assert(model_calls !== null && model_calls > 12, `${model_calls} model calls`);
    assert(cost_usd !== null && cost_usd > 0.17, `$${cost_usd}`);
  });
}
