/** A PRD that goes away with its project, and of which git may have no copy. */
import assert from "node:assert/strict";
import { bash, inRounds } from "../support/agent.ts";
import { makeWorld, prd } from "./processes.ts";

Deno.test("the project is removed in mid-turn: the session's end names a copy of the PRD, and it is there", async () => {
  await using world = await makeWorld();
  const remove = bash('R=$(pwd); cd /; rm -rf "$R"');
  world.fake.setScript((request) => inRounds(request, [() => [remove]], () => "done"));
  const { stdout, stderr } = await world.cli("run", "one", "-f", "--server", world.url);
  const copy = /^failed: .* there is no such file; its last copy is (\S+)$/m.exec(stdout + stderr);
  assert.equal(await Deno.readTextFile(copy?.[1] ?? ""), prd(1), stdout + stderr);
});
