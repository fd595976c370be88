import assert from "node:assert/strict";
import { RalphError } from "../../../../src/error.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { projectFiles } from "../../../../src/host/files/project_files.ts";
import { treeState } from "../../../../src/host/git/tree_state.ts";
import { type Census, takeCensus } from "../../../../src/verify/census/census.ts";
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

const testOf = (name: string) => `Deno.test("${name}", () => { assertEquals(add(1, 1), 2); });`;

Deno.test("a count of what differs between two states of the tree is that of the whole tree", async () => {
  await using project = await makeProject({
    files: { "a_test.ts": testOf("a"), "b_test.ts": testOf("b"), "c.ts": "" },
  });
  const { root, git, write } = project;
  const tools = projectFiles(systemClock);
  const steps: [name: string, act: () => Promise<unknown>][] = [
    ["nothing", () => Promise.resolve()],
    ["a new one", () => write("d_test.ts", testOf("d"))],
    ["one that is no test", () => write("c.ts", "1")],
    ["committed", () => git("add", "-A").then(() => git("commit", "-qm", "work"))],
    ["changed and committed", async () => {
      await write("b_test.ts", testOf("other"));
      await git("commit", "-qam", "work");
    }],
    ["changed", () => write("a_test.ts", testOf("another"))],
    ["put back", () => git("checkout", "-q", "--", "a_test.ts")],
    ["moved", () => git("mv", "a_test.ts", "e_test.ts")],
    ["deleted", () => Deno.remove(`${root}/d_test.ts`)],
    ["another commit", () => git("checkout", "-qf", "HEAD~2")],
  ];
  let before = await treeState(root, { clock: systemClock });
  let census = await takeCensus(root, { tools });
  for (const [name, act] of steps) {
    await act();
    const after = await treeState(root, { clock: systemClock, known: before });
    assert(before && after);
    const changed = await tools.filesBetween(root, { before, after });
    assert(changed, name);
    census = await takeCensus(root, { tools, earlier: census, changed });
    assert.deepEqual(named(census), named(await takeCensus(root, { tools })), name);
    before = after;
  }
});

Deno.test("where repositories are inside of the tree it cannot be said which files differ", async () => {
  await using project = await makeProject({ files: { "a_test.ts": testOf("a") } });
  await using inner = await makeProject({ files: { "b_test.ts": testOf("b") } });
  const { root, git } = project;
  const tools = projectFiles(systemClock);
  const before = await treeState(root, { clock: systemClock });
  await git("clone", "-q", inner.root, "inner");
  const after = await treeState(root, { clock: systemClock });
  assert(before && after);
  assert.equal(await tools.filesBetween(root, { before, after }), undefined);
  await git("add", "inner");
  const added = await treeState(root, { clock: systemClock });
  assert(added);
  assert.equal(await tools.filesBetween(root, { before, after: added }), undefined);
  await git("commit", "-qm", "a submodule");
  const committed = await treeState(root, { clock: systemClock });
  assert(committed);
  assert.equal(await tools.filesBetween(root, { before, after: committed }), undefined);
});

/** The tests of each file that has some, by name. */
const named = (census: Census) =>
  Object.entries(census).filter(([, { tests }]) => tests.length > 0)
    .map(([file, { tests }]) => [file, ...tests.map(({ name }) => name)]);
