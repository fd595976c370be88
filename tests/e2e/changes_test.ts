/** What a run is told to do otherwise than the one before, as a person sees it and as data. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { bash, inRounds } from "../support/agent.ts";
import { makeWorld } from "../reliability/processes.ts";

Deno.test("a second run says what changed since the first, and by which file; --json has it as data", async () => {
  await using world = await makeWorld();
  const work = bash("date +%N >> work.txt; sed -i 's/\\[ \\]/[x]/' tasks/one/prd.md");
  world.fake.setScript((request) => inRounds(request, [() => [work]], () => "done"));
  const { root } = world.project;
  const run = (...args: readonly string[]) =>
    world.cli("run", "one", "-f", "--server", world.url, ...args);
  const first = await run("-n", "1");
  assert.doesNotMatch(first.stdout, /changed since/, first.stderr);
  await Deno.writeTextFile(
    join(root, "ralph.json"),
    '{"limits": {"turnMinutes": 7}, "finish": "tree"}',
  );
  await Deno.writeTextFile(join(root, "tasks/one/prompt.md"), "Do {{story}}.\n");
  await reopen(join(root, "tasks/one/prd.md"));
  const second = await run("-n", "2");
  const lines = second.stdout.split("\n").filter((line) => line.startsWith("changed since"));
  const said = lines.map((line) => line.replace("changed since the last session: ", "")).sort();
  assert.deepEqual(said.slice(0, 3), [
    "finish commit -> tree (ralph.json)",
    "limits.iterations 1 -> 2 (flag)",
    "limits.turnMinutes 60 -> 7 (ralph.json)",
  ], second.stdout + second.stderr);
  assert.match(
    said[3],
    /^prompt not set -> \S+\/tasks\/one\/prompt\.md \(sha256 \w{12}\) \(prompt/,
  );
  assert.equal(said.length, 4);
  await reopen(join(root, "tasks/one/prd.md"));
  const third = await run("-n", "2", "-a", "build", "--json");
  const [started] = third.stdout.split("\n").map((line) => line && JSON.parse(line));
  assert.deepEqual(started.changes, [
    { setting: "agent", before: null, now: "build", from: "flag" },
  ], third.stderr);
});

async function reopen(prd: string): Promise<void> {
  await Deno.writeTextFile(prd, (await Deno.readTextFile(prd)).replaceAll("[x]", "[ ]"));
}
