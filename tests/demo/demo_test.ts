import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { until } from "../support/wait.ts";
import { processesOf, startDemo } from "./start_demo.ts";

Deno.test("the demo completes its task, one iteration mending the one before", async () => {
  using temporary = temporaryFolder();
  const demo = startDemo(temporary.path);
  assert.equal(await demo.ended, 0, demo.shown());
  const shown = demo.shown();
  assert.match(shown, /^The model is scripted/);
  for (const id of ["US-001", "US-002", "US-003", "US-004"]) {
    const commits = shown.match(new RegExp(`^\\w{7,} feat: ${id} - `, "gm"))?.length;
    assert.equal(commits, id === "US-002" ? 2 : 1, shown);
  }
  assert.match(shown, /^ {2}US-002 was claimed and taken back: the gate `deno test` fails/m);
  assert.match(shown, /^completed: all 4 stories pass/m);
  assert.deepEqual([...Deno.readDirSync(temporary.path)], []);
  await until(() => processesOf(temporary.path).length === 0, { what: "its processes to be gone" });
});
