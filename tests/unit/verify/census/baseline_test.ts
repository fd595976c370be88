import assert from "node:assert/strict";
import { RalphError } from "../../../../src/error.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { projectFiles } from "../../../../src/host/files/project_files.ts";
import { createTestBaseline } from "../../../../src/verify/census/baseline.ts";
import { makeProject } from "../../../support/project.ts";

Deno.test("a count of tests that cannot be read is refused, and never made anew", async () => {
  await using project = await makeProject({
    files: { "a_test.ts": 'Deno.test("adds", () => { assertEquals(add(1, 1), 2); });' },
  });
  let stored: string | undefined;
  const baseline = () =>
    createTestBaseline({
      root: project.root,
      tools: projectFiles(systemClock),
      stored,
      place: "/state/tests.json",
      store: (text) => void (stored = text),
    });
  await baseline().begin();
  const whole = stored ?? "";
  await project.write("a_test.ts", "");
  const shapes = [
    "[]",
    "null",
    '{"a_test.ts": {}}',
    '{"a_test.ts": {"tests": [{"name": "adds"}]}}',
  ];
  for (const text of [whole.slice(0, whole.length / 2), "", ...shapes]) {
    stored = text;
    await assert.rejects(baseline().begin(), (error) => {
      assert(error instanceof RalphError, `${text}: ${error}`);
      assert.equal(error.kind, "state");
      assert.match(
        error.message,
        /^cannot read which tests were there before, in \/state\/tests\.json: /,
      );
      assert.equal(error.hints[0].command, `git -C ${project.root} diff`);
      return true;
    });
    assert.equal(stored, text, "it is left as it was");
  }
  stored = whole;
  const later = baseline();
  await later.begin();
  assert.match(await later.lost() ?? "", /1 test deleted/);
});
