/** Task files as other loops have them, as a person meets them: `ralph tasks` and `ralph run`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { NEWEST } from "../support/install.ts";
import { startServer } from "../support/opencode_server.ts";
import { makeProject } from "../support/project.ts";
import { openPty } from "../support/pty.ts";
import { makeRalph, RALPH } from "../support/ralph.ts";
import { hang, startModel } from "../support/scripted_model.ts";

const ONE = "### US-001: One\n\n- [x] a\n";

Deno.test("what a person has to know of a PRD is told by `tasks`, by `run`, and in its JSON", async () => {
  await using project = await makeProject({
    files: {
      "tasks/left/prd.md": `${ONE}\n### ~~US-002: Two~~\n\n- [ ] b\n`,
      "tasks/both/prd.md": "### [x] US-001: One\n\n- [ ] a\n",
      "tasks/-x/prd.md": ONE,
      "tasks/prd-none.md": "# Nothing yet\n",
      ".ralph/prd.json": `{"userStories": [{"id": "A", "status": "deferred"}]}`,
    },
  });
  await using ralph = await makeRalph();
  const cli = (...args: string[]) => ralph(args, { cwd: project.root });

  const shown = (await cli("tasks")).stdout;
  assert.match(shown, /^left +1\/1 .*left out: US-002 \(its heading is struck through\)$/m);
  assert.match(shown, /^both +0\/1 .*US-001 counts as open: it is done by the box in its heading/m);
  assert.match(shown, /^-x .*cannot be a task because of its name/m);
  assert.match(shown, /^prd-none\.md .*has no user stories$/m);
  assert.match(shown, /^\.ralph .*it has no story to work on: left out: A/m);
  const tasks = JSON.parse((await cli("tasks", "--json")).stdout);
  const left = tasks.find(({ task }: { task: string }) => task === "left");
  assert.deepEqual([left.leftOut, left.total, left.next], [["US-002"], 1, null]);

  const run = await cli("run", "left");
  assert.equal(run.code, 0, run.stderr);
  assert.match(run.stdout, /its story passes already/);
  assert.match(run.stderr, /left out: US-002/);
  const none = await cli("run", ".ralph");
  assert.deepEqual([none.code, /no story to work on/.test(none.stderr)], [2, true]);
});

Deno.test("a pipe in place of a PRD is told, and nobody waits for it", async () => {
  await using project = await makeProject({ files: { "tasks/a/notes.md": "" } });
  await using ralph = await makeRalph();
  await new Deno.Command("mkfifo", { args: [join(project.root, "tasks/a/prd.md")] }).output();
  for (const args of [["tasks"], ["run", "a"]]) {
    const { stdout, stderr } = await ralph(args, { cwd: project.root });
    assert.match(stdout + stderr, /cannot read .*tasks\/a\/prd\.md: it is no plain file/);
  }
});

Deno.test("where nothing is found it is said where was looked", async () => {
  await using project = await makeProject({ files: { "README.md": "" } });
  await using ralph = await makeRalph();
  const { stderr } = await ralph(["tasks"], { cwd: project.root });
  const run = await ralph(["run"], { cwd: project.root });
  assert.match(run.stderr, /there is no task here[^]*looked in: tasks/);
  assert.match(stderr, /No tasks here\. Looked in: tasks\/<name>\/prd\.md.*\.agents\/tasks/);
});

Deno.test("the prompt for a PRD of another loop has its fields, and that loop's prompt is named", async () => {
  await using project = await makeProject({
    files: {
      "scripts/ralph/prd.json": JSON.stringify({
        project: "Shop",
        nonGoals: ["no coupons"],
        userStories: [{ id: "US-1", title: "One", passes: false, technicalNotes: "use cents" }],
      }),
      "scripts/ralph/prompt.md": "Read scripts/ralph/prd.json and do one story.\n",
    },
  });
  await using ralph = await makeRalph();
  const { code, stdout } = await ralph(["run", "ralph", "--print-prompt"], { cwd: project.root });
  assert.equal(code, 0);
  for (const text of ["no coupons", "use cents", "PRD: scripts/ralph/prd.json"]) {
    assert(stdout.includes(text), text);
  }
  assert.doesNotMatch(stdout, /do one story/);
});

const PRD = "### US-001: Add numbers\n\n- [ ] a\n\n### US-002: Add decimals\n\n- [ ] b\n";
const prdJson = (...passes: boolean[]) =>
  JSON.stringify({
    userStories: ["Add numbers", "Add decimals"].slice(0, passes.length).map((title, i) => ({
      id: `US-00${i + 1}`,
      title,
      passes: passes[i],
    })),
  });

Deno.test("work that is done in one PRD file is not begun again from another one", async () => {
  await using project = await makeProject({
    files: { "tasks/prd-sums.md": PRD, "tasks/prd.json": prdJson(true, true) },
  });
  await using ralph = await makeRalph();
  const cli = (...args: string[]) => ralph(args, { cwd: project.root });

  assert.match(
    (await cli("tasks")).stdout,
    /^prd +2\/2 [^]*^prd-sums\.md +- .*no task of its own, since tasks\/prd\.json has its stories/m,
  );
  const [run, all] = [await cli("run"), await cli("run", "--all")];
  assert.deepEqual([run.code, /no task here has anything to do/.test(run.stderr)], [4, true]);
  assert.deepEqual([all.code, /No task here has open stories/.test(all.stderr)], [0, true]);
  assert.match((await cli("run", "sums")).stdout, /^prd: all 2 stories pass already/);
  const byPath = await cli("run", "tasks/prd-sums.md");
  assert.equal(byPath.code, 6, byPath.stderr);
  assert.match(byPath.stderr, /warning: open here, and passing in tasks\/prd\.json: US-001 Add/);
});

Deno.test("stories that only another PRD file has are told, and a terminal is asked first", async () => {
  await using project = await makeProject({
    files: { "PRD.md": PRD, "prd.json": prdJson(true) },
  });
  await using ralph = await makeRalph();
  const cli = (...args: string[]) => ralph(args, { cwd: project.root });
  const told = /only in PRD\.md, which is not read: US-002 Add decimals/;

  assert.match((await cli("tasks")).stdout, told);
  const run = await cli("run");
  assert.deepEqual([run.code, told.test(run.stderr)], [4, true]);
  await project.write("prd.json", prdJson(false));
  assert.match((await cli("run")).stderr, told);
  await using pty = await openPty([...RALPH, "run"].map((word) => `'${word}'`).join(" "), {
    cwd: project.root,
    env: {
      HOME: ralph.home,
      DENO_DIR: Deno.env.get("DENO_DIR") ?? join(Deno.env.get("HOME") ?? "", ".cache", "deno"),
      NO_COLOR: "1",
    },
  });
  await pty.shows(/Work on .*prd\.json all the same\?/);
  await pty.type("\r");
  await pty.shows(/nothing was started/);
  assert.equal((await pty.status).code, 130);
});

Deno.test("a session of a file that does not count is found by its name", async () => {
  await using model = await startModel(() => hang());
  await using server = await startServer({ version: NEWEST, model });
  await using project = await makeProject({
    files: { "tasks/prd-sums.md": PRD, "tasks/prd.json": prdJson(true, true) },
  });
  await using ralph = await makeRalph();
  const cli = (...args: string[]) => ralph(args, { cwd: project.root });
  const run = await cli("run", "tasks/prd-sums.md", "--server", server.url);
  assert.equal(run.code, 0, run.stderr);
  try {
    const status = await cli("status", "sums");
    assert.match(
      status.stdout,
      /^● sums [^]*open here, and passing in tasks\/prd\.json: US-001 Add/,
    );
    assert.doesNotMatch((await cli("status")).stderr, /without a session/);
  } finally {
    const stop = await cli("stop", "sums");
    assert.equal(stop.code, 0, stop.stderr);
  }
  assert.match((await cli("run", "--all")).stderr, /No task here has open stories/);
});
