/** A person who changes the PRD while the agent works on it. */
import assert from "node:assert/strict";
import { sleep } from "../../src/clock.ts";
import { assignment, write } from "../support/agent.ts";
import { answer } from "../support/fake_faults.ts";
import { call, say } from "../support/scripted_model.ts";
import { createWorld, tickStory, type World } from "./world.ts";

Deno.test("what a person writes seconds before a tool of the agent does is theirs, though no event tells of the tool", async () => {
  await using world: World = await createWorld({
    stories: 1,
    processes: false,
    async script(request) {
      const { story } = assignment(request.prompt);
      if (request.step === 0) return call(write(`work/${story}.txt`, story));
      if (request.step > 1) return say("done");
      await sleep(world.clock, 4_000);
      world.edit((text) => text.replace('"done"', '"done, and well"'));
      await sleep(world.clock, 4_000);
      return call(tickStory(request));
    },
  });
  world.fake.fault({ on: "GET /event", times: Infinity, act: answer(503) });
  const worker = world.work();
  const end = await world.clock.run(worker.end);
  assert.equal(end?.reason, "all_stories_pass", end?.detail);
  assert.match(Deno.readTextFileSync(world.task.prdPath), /"done, and well"/);
});
