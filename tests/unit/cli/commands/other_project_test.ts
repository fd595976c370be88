/** A name that only another project has on record. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeHome, START, WORKER } from "../../../reliability/home.ts";
import { makeProject } from "../../../support/project.ts";

const OPEN = "# PRD\n\n### US-001: Open\n\n- [ ] it is done\n";

async function makeTwo() {
  await using stack = new AsyncDisposableStack();
  const first = stack.use(
    await makeProject({ files: { "tasks/demo/prd.md": OPEN }, name: "the first" }),
  );
  const home = stack.use(await makeHome());
  const store = home.open();
  const taskDir = join(first.root, "tasks/demo");
  const lease = store.startSession(
    { taskName: "demo", taskDir, projectRoot: first.root },
    WORKER,
    START,
  );
  store.endSession(lease, { status: "stopped", reason: "user_stop", detail: "" });
  const { root } = first;
  store.addWorktree({
    ...{ taskName: "tree", taskDir: `${root}-tree/tasks/tree`, root: `${root}-tree` },
    ...{ homeDir: join(root, "tasks/tree"), homeRoot: root },
    ...{ branch: "tree", branchMade: true, base: "main", begunAt: null },
  });
  store.close();
  const owned = stack.move();
  return { first, home, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** What spends or changes something, and takes a name. */
const CHANGING: readonly string[][] = [
  ["run", "demo", "-n", "1"],
  ["run", "demo", "one"],
  ["resume", "demo"],
  ["say", "demo", "two words"],
  ["edit", "demo"],
  ["review", "demo"],
  ["verify", "demo"],
  ["plan", "demo", "--revise", "split it"],
  ["clean", "demo", "--yes"],
  ["clean", "--server", "demo", "--yes"],
];

Deno.test("what spends or changes does nothing to another project's task by its name alone", async () => {
  await using two = await makeTwo();
  const { first, home } = two;
  for (const args of CHANGING) {
    const { code, stderr } = await home.ralph(...args);
    const what = `${args.join(" ")}: ${stderr}`;
    assert.equal(code, 2, what);
    assert.match(
      stderr,
      /^error: there is no task `demo` here, but one in the project .*the first$/m,
      what,
    );
    const words = args.map((word) => word.includes(" ") ? `'${word}'` : word).join(" ");
    assert(stderr.includes(`: cd '${first.root}' && ralph ${words}\n`), what);
  }
  assert.match((await home.ralph("history", "demo")).stdout, /^session 1 {2}demo/);
});

Deno.test("a worktree of another project is neither landed nor removed by its task's name", async () => {
  await using two = await makeTwo();
  for (const args of [["land", "tree"], ["clean", "--worktrees", "tree", "--yes"]]) {
    const { code, stderr } = await two.home.ralph(...args);
    assert.equal(code, 2, stderr);
    assert(stderr.includes(`: cd '${two.first.root}' && ralph ${args.join(" ")}\n`), stderr);
  }
});

Deno.test("what only looks finds another project's task by its name, and says whose it is", async () => {
  await using two = await makeTwo();
  const { first, home } = two;
  for (const command of ["status", "history", "logs", "show", "wait", "stop", "report"]) {
    const { stderr } = await home.ralph(command, "demo");
    const told = `\`demo\` is of another project: ${first.root}\n`;
    assert.equal(stderr.split(told).length, 2, `${command}: ${stderr}`);
  }
  const byPath = await home.ralph("run", join(first.root, "tasks/demo"), "--print-prompt");
  assert.equal(byPath.code, 0, byPath.stderr);
});

Deno.test("a task here that cannot be used is not another project's of that name", async () => {
  await using two = await makeTwo();
  const { home } = two;
  await home.project.write("tasks/demo/prd.md", OPEN);
  await Deno.remove(join(home.project.root, ".git"), { recursive: true });
  for (const args of CHANGING) {
    const { code, stderr } = await home.ralph(...args);
    const what = `${args.join(" ")}: ${stderr}`;
    assert.equal(code, 4, what);
    assert.match(stderr, /cannot find the project of task `demo`: .* is not in a git repo/, what);
    assert.match(stderr, /: git init$/m, what);
  }
});
