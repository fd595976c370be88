/** Gates with the judge's files as they were, and tests that are counted: real files, real git. */
import assert from "node:assert/strict";
import { runBounded } from "../../../src/host/bounded_process.ts";
import { systemClock } from "../../../src/host/clock.ts";
import { judgeTools } from "../../../src/host/judge_tools.ts";
import { createGateRunner } from "../../../src/loop/gate_runner.ts";
import { keepTests } from "../../../src/loop/tests_kept.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { makeProject } from "../../support/project.ts";

const signal = new AbortController().signal;
const tools = judgeTools(systemClock);
const check = { name: "check", run: { args: ["sh", "check.sh"] } };

Deno.test("a gate whose script the agent changed runs with the script as it was", async () => {
  await using project = await makeProject({ files: { "check.sh": "grep -q 42 answer.txt" } });
  using dir = temporaryFolder();
  const started: string[] = [];
  const runner = createGateRunner({
    order: {
      root: project.root,
      folder: `${dir.path}/judge`,
      session: "1",
      protect: [],
      agentFiles: [],
    },
    judgeTools: tools,
    env: { PATH: Deno.env.get("PATH") ?? "" },
    run: runBounded,
    clock: systemClock,
    defaultTimeoutMs: 30_000,
    onStart: ({ name }) => started.push(name),
  });
  await runner.keep([check]);
  await project.write("check.sh", "true");
  const tampered = await runner.run([check], signal);
  assert.deepEqual(tampered?.results.map(({ passed }) => passed), [false]);
  assert.match(tampered?.notes[0]?.text ?? "", /as they were at the session's start: .*check\.sh/);
  assert.equal(await project.read("check.sh"), "true", "nothing of the project is touched");

  await project.write("answer.txt", "42");
  assert.equal((await runner.run([check], signal))?.results[0].passed, true);
  await project.write("check.sh", "grep -q 42 answer.txt");
  const untouched = await runner.run([check], signal);
  assert.deepEqual([untouched?.results[0].passed, untouched?.notes], [true, []]);
  assert.equal(await runner.run([check], AbortSignal.abort()), undefined);
  assert.deepEqual(started.slice(0, 3), ["check", "check", "check"]);
});

Deno.test("tests are counted against what was there, over workers, until that is accepted", async () => {
  await using project = await makeProject({
    files: { "a_test.ts": 'Deno.test("adds", () => assertEquals(1 + 1, 2));\n' },
  });
  let stored: string | undefined;
  const keep = () =>
    keepTests({ root: project.root, tools, stored, store: (text) => void (stored = text) });
  await keep().begin();
  await project.write("a_test.ts", "");
  const later = keep();
  await later.begin();
  assert.match(await later.lost(), /1 test deleted: a_test\.ts: adds/);
  await later.accept();
  assert.equal(await keep().lost(), "");
  await Deno.remove(`${project.root}/.git`, { recursive: true });
  assert.match(await later.lost(), /^the tests cannot be counted: /);
});
