/** Sessions on OpenCode 2, and on a server that is updated from one generation to the other. */
import assert from "node:assert/strict";
import { drop } from "../support/recording_proxy.ts";
import { night, SECOND } from "./night.ts";

const UNTESTED = "of OpenCode 2, no release was tested: only a build of July 2026";

for (const version of ["local", "2.0.12", "2.0.26"]) {
  Deno.test(`${version}: a session goes from its first story to its last`, async () => {
    await using it = await night({ stories: 3, version });
    const { iterations } = it.ended("completed", "all_stories_pass");
    assert.deepEqual(iterations.map(({ outcome }) => outcome), Array(3).fill("advanced"));
    assert.deepEqual(it.warnings(), [`OpenCode is ${version} now: ${UNTESTED}`]);
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
