import assert from "node:assert/strict";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { createFakeOpenCode } from "../../../support/fake_opencode.ts";
import { serveFake } from "../../../support/fake_server.ts";
import { hostTools } from "../../../support/fake_tools.ts";
import { answer, askedIn, isReview } from "../../../support/reviewer.ts";
import { say } from "../../../support/scripted_model.ts";
import { makeHome } from "../../../reliability/home.ts";

Deno.test("review asks now, of what is there, says where it sees it, and writes nothing down", async () => {
  await using home = await makeHome();
  const { project } = home;
  await project.write("ralph.json", JSON.stringify({ verify: [["true"]], tests: "trusted" }));
  await project.git("add", "--all");
  await project.git("commit", "--quiet", "-m", "settings");
  const before = await project.git("rev-parse", "HEAD~1");
  let met = true;
  const prompts: string[] = [];
  const fake = createFakeOpenCode({
    clock: systemClock,
    tools: hostTools,
    script({ prompt }) {
      assert(isReview(prompt));
      prompts.push(prompt);
      return say(answer(askedIn(prompt), { met, why: "so it is", file: "ralph.json" }));
    },
  });
  await using server = await serveFake(fake);
  const review = (...args: string[]) =>
    home.ralph("review", "one", "--server", server.url, "--model", "fake/other", ...args);

  const good = await review("--since", before.trim());
  assert.equal(good.code, 0, good.stdout + good.stderr);
  assert.match(good.stdout, /✓ gate true/);
  assert.match(good.stdout, /✓ review of US-001: passed/);
  assert.match(good.stdout, /is met: so it is \(ralph\.json:1\)/);
  assert.match(prompts[0], /^\+.*"tests":"trusted"\}$/m);

  met = false;
  const bad = await review("--json");
  assert.equal(bad.code, 1);
  const { outcome, findings, gates } = JSON.parse(bad.stdout);
  assert.equal(outcome, "refused");
  assert.deepEqual(findings[0].evidence, [{ file: "ralph.json", line: 1, there: true }]);
  assert.equal(gates[0].gate, "true");

  const prd = await project.read("tasks/one/prd.md");
  await project.write("tasks/one/prd.md", prd.replaceAll(/^### .*$/gm, "$&\n\n**Review:** none\n"));
  const leftOut = await review();
  assert.equal(leftOut.code, 2);
  assert.match(leftOut.stderr, /no story of `one` is reviewed/);
  await project.write("tasks/one/prd.md", prd);

  const none = await review("--since", "nowhere");
  assert.equal(none.code, 2);
  assert.match(none.stderr, /there is no commit `nowhere`/);
  assert.equal((await home.ralph("history", "one")).code, 4, "nothing is on record");
});
