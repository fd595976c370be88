/** Gates with protected files as they were, and tests that are counted: real files, real git. */
import assert from "node:assert/strict";
import { runBounded } from "../../../../src/host/process/bounded_process.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { projectFiles } from "../../../../src/host/files/project_files.ts";
import { createGateRunner } from "../../../../src/verify/gates/gate_runner.ts";
import type { Gate } from "../../../../src/task/gate.ts";
import type { Protection } from "../../../../src/verify/protected/find_protected.ts";
import { createTestBaseline } from "../../../../src/verify/census/baseline.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { indexIn } from "../../../support/kept_index.ts";
import { makeProject } from "../../../support/project.ts";

const signal = new AbortController().signal;
const tools = projectFiles(systemClock);
const check = { name: "check", run: { args: ["sh", "check.sh"] } };

/** A runner for a project of these files, and what it tells. */
async function runnerFor(
  files: Readonly<Record<string, string>>,
  { gates, protect = [] }: { gates: readonly Gate[]; protect?: readonly string[] },
) {
  const project = await makeProject({ files });
  const dir = temporaryFolder();
  const started: string[] = [];
  const found: Protection[] = [];
  const runner = createGateRunner({
    order: {
      root: project.root,
      folder: `${dir.path}/protected`,
      session: "1",
      index: indexIn(`${dir.path}/protected`),
      protect,
      agentFiles: [],
    },
    projectFiles: tools,
    env: { PATH: Deno.env.get("PATH") ?? "" },
    run: runBounded,
    clock: systemClock,
    defaultTimeoutMs: 30_000,
    onStart: ({ name }) => started.push(name),
    onFound: (protection) => found.push(protection),
  });
  await runner.keep(gates);
  return {
    project,
    runner,
    started,
    found,
    /** Of each gate, what came of it; the words on protected files come last. */
    async run() {
      const run = await runner.run(gates, signal);
      assert(run);
      return [
        ...run.results.map(({ passed, why }) => passed ? "passes" : why),
        ...run.notes.map(({ text }) => text),
      ];
    },
    async [Symbol.asyncDispose]() {
      await project[Symbol.asyncDispose]();
      dir[Symbol.dispose]();
    },
  };
}

Deno.test("where protected files were changed, a gate has to pass both ways", async () => {
  const files = { "check.sh": "grep -q 42 answer.txt" };
  await using it = await runnerFor(files, { gates: [check] });
  const { project, runner, started } = it;
  const note = "protected files were changed, so the gates ran twice, as delivered and with the " +
    "protected files as they were at the session's start: `check.sh` was changed";
  await project.write("check.sh", "true");
  assert.deepEqual(await it.run(), [
    "exit code 2 with the protected files as they were (as delivered it passes)",
    note,
  ]);
  assert.deepEqual(started, ["check, with the protected files as they were", "check"]);
  assert.equal(await project.read("check.sh"), "true", "nothing of the project is touched");

  await project.write("answer.txt", "42");
  assert.deepEqual(await it.run(), ["passes", note]);
  await project.write("check.sh", "exit 3");
  assert.deepEqual(await it.run(), [
    "exit code 3 as delivered (with the protected files as they were it passes)",
    note,
  ]);
  await project.write("answer.txt", "41");
  assert.deepEqual(await it.run(), [
    "exit code 3 as delivered; exit code 1 with the protected files as they were",
    note,
  ]);
  await project.write("check.sh", "exit 1");
  assert.deepEqual(await it.run(), [
    "exit code 1, as delivered and with the protected files as they were",
    note,
  ]);
  await project.write("check.sh", "grep -q 42 answer.txt");
  started.length = 0;
  assert.deepEqual(await it.run(), ["exit code 1"]);
  assert.deepEqual(started, ["check"], "once, where nothing protected was changed");
  assert.equal(await runner.run([check], AbortSignal.abort()), undefined);
});

Deno.test("what is shown of a gate that fails is what the failing run printed", async () => {
  await using it = await runnerFor({ "check.sh": "echo old; false" }, { gates: [check] });
  await it.project.write("check.sh", "echo new");
  const restored = await it.runner.run([check], signal);
  assert.deepEqual(restored?.results.map(({ output }) => output.trim()), ["old"]);
  await it.project.write("check.sh", "echo new; false");
  const delivered = await it.runner.run([check], signal);
  assert.deepEqual(delivered?.results.map(({ output }) => output.trim()), ["new"]);
});

Deno.test("a gate that cannot run in the restored tree fails, and runs as delivered", async () => {
  await using it = await runnerFor({ "check.sh": "true" }, { gates: [check] });
  await it.project.write("check.sh", "true # changed");
  await Deno.rename(`${it.project.root}/.git`, `${it.project.root}/git`);
  const run = await it.runner.run([check], signal);
  assert.equal(run?.results[0].passed, false);
  assert.match(run.results[0].why, / with the protected files as they were \(as delivered it pass/);
  assert.deepEqual(it.started, ["check"]);
});

Deno.test("a program that a gate runs counts as the agent left it, unless `protect` names it", async () => {
  const app = { name: "app", run: { args: ["sh", "greet.sh"] } };
  const files = { "greet.sh": "exit 1" };
  await using it = await runnerFor(files, { gates: [app] });
  assert.deepEqual(it.found.map(({ work }) => work), [["greet.sh"]]);
  assert.deepEqual(await it.run(), ["exit code 1"]);
  await it.project.write("greet.sh", "exit 0");
  assert.deepEqual(await it.run(), ["passes"]);
  await it.project.write("greet.sh", "exit 2");
  assert.deepEqual(await it.run(), ["exit code 2"]);

  await using named = await runnerFor(files, { gates: [app], protect: ["greet.sh"] });
  assert.deepEqual(named.found.map(({ work }) => work), [[]]);
  await named.project.write("greet.sh", "exit 0");
  assert.match((await named.run())[0], /^exit code 1 with the protected files as they were/);
  await named.runner.keep([app]);
  assert.equal(named.found.length, 1, "it is looked once");
});

Deno.test("`!` gives the agent a file that looks like a check", async () => {
  await using it = await runnerFor({ "check.sh": "exit 1" }, {
    gates: [check],
    protect: ["!check.sh"],
  });
  await it.project.write("check.sh", "exit 0");
  assert.deepEqual(await it.run(), ["passes"]);
});

Deno.test("tests are counted against what was there, over workers, until that is accepted", async () => {
  await using project = await makeProject({
    files: { "a_test.ts": 'Deno.test("adds", () => assertEquals(1 + 1, 2));\n' },
  });
  let stored: string | undefined;
  const keep = () =>
    createTestBaseline({
      root: project.root,
      tools,
      stored,
      place: "tests.json",
      store: (text) => void (stored = text),
    });
  await keep().begin();
  await project.write("a_test.ts", "");
  const later = keep();
  await later.begin();
  assert.match(await later.lost() ?? "", /1 test deleted: a_test\.ts: adds/);
  await later.accept();
  assert.equal(await keep().lost(), "");
  await Deno.remove(`${project.root}/.git`, { recursive: true });
  assert.match(await later.lost() ?? "", /^the tests cannot be counted: /);
});
