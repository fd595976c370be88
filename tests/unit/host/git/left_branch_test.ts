import assert from "node:assert/strict";
import { leftBranchAt } from "../../../../src/host/git/left_branch.ts";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { makeProject } from "../../../support/project.ts";

Deno.test("when a branch was left is told, whatever came after it", async () => {
  await using project = await makeProject();
  const { root, git } = project;
  const left = (branch: string) => leftBranchAt(root, branch, { clock });
  assert.equal(await left("main"), undefined);
  const before = Date.now();
  await git("switch", "--quiet", "-c", "work/a");
  await git("commit", "--quiet", "--allow-empty", "-m", "checkout: moving from b to c");
  const at = await left("main");
  assert.ok(at !== undefined && at >= before - 1_000 && at <= Date.now(), `${at}`);
  assert.equal(await left("work/a"), undefined, "it is checked out");
  assert.equal(await left("b"), undefined);
  await git("switch", "--quiet", "--detach");
  await git("switch", "--quiet", "-c", "other");
  assert.equal(await left("main"), at);
  assert.ok(await left("work/a"));
});
