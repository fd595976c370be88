/** The demo from an idea, and one that is interrupted. */
import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { until } from "../support/wait.ts";
import { processesOf, startDemo } from "./start_demo.ts";

Deno.test("the demo completes a task that was planned from an idea, each story reviewed", async () => {
  using temporary = temporaryFolder();
  const demo = startDemo(temporary.path, "--plan", "--keep");
  assert.equal(await demo.ended, 0, demo.shown());
  assert.match(demo.shown(), /^\$ ralph plan 'a shopping list[^]*tasks\/shop\/prd\.json$/m);
  assert.match(demo.shown(), /^completed: all 4 stories pass/m);
  assert.equal(demo.shown().match(/✓ review of US-00\d: passed/g)?.length, 4);
  const kept = /^The project is kept: (.+)$/m.exec(demo.shown())?.[1] ?? "";
  assert(Deno.statSync(`${kept}/.git`).isDirectory, demo.shown());
  assert.match(demo.shown(), /ralph run my-feature\n$/);
});

Deno.test("Ctrl-C ends the demo and leaves nothing", async () => {
  using temporary = temporaryFolder();
  const demo = startDemo(temporary.path);
  const ran = until(() => demo.shown().includes("OpenCode session"), {
    what: "the first turn",
  });
  await Promise.race([ran, demo.ended]);
  demo.child.kill("SIGINT");
  assert.equal(await demo.ended, 130, demo.shown());
  assert.doesNotMatch(demo.shown(), /\$ ralph status/);
  assert.deepEqual([...Deno.readDirSync(temporary.path)], []);
  await until(() => processesOf(temporary.path).length === 0, { what: "its processes to be gone" });
});
