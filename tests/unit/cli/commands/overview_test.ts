/** `ralph` alone. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeHome, START, WORKER } from "../../../reliability/home.ts";
import { takeLock } from "../../../../src/host/lock/lock.ts";
import { taskKey } from "../../../../src/host/files/paths.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";

/** The suggested commands, the first of all first. */
const commands = (text: string) =>
  text.split("\n").filter((line) => line.startsWith("  ")).map((line) =>
    line.trim().split(/ {2,}/)[0]
  );

Deno.test("ralph alone shows this project, and the commands that make sense now", async () => {
  await using home = await makeHome();
  const done = await home.ralph();
  assert.equal(done.code, 0);
  assert.match(done.stdout, /^TASK +STORIES.*\none +1\/1 /);
  assert.deepEqual(commands(done.stdout), [
    "ralph history",
    "ralph new my-feature",
    "ralph doctor",
    "ralph --help",
  ]);

  await home.project.write("tasks/two words/prd.md", "### US-007: Open\n\n- [ ] it\n");
  const open = await home.ralph();
  assert.match(open.stdout, /^ {2}ralph run 'two words' +work on it, from US-007 on$/m);

  const store = home.open();
  const key = taskKey({ name: "one", dir: home.task.taskDir });
  await Deno.mkdir(join(home.data, "locks"), { mode: 0o700 });
  const lock = await takeLock(join(home.data, "locks", `${key}.lock`), systemClock);
  try {
    store.startSession(home.task, WORKER, START);
    const running = await home.ralph();
    assert.deepEqual(commands(running.stdout), [
      "ralph watch",
      "ralph logs one --follow",
      "ralph status one",
      "ralph stop one",
      "ralph --help",
    ]);
  } finally {
    lock?.release();
    store.close();
  }
});

Deno.test("a task that waits in a queue is told as such, among the tasks and by ralph alone", async () => {
  await using home = await makeHome();
  await home.project.write("tasks/two/prd.md", "### US-007: Open\n\n- [ ] it\n");
  const { root } = home.project;
  const store = home.open();
  const queued = (name: string) => ({
    ...{ taskName: name, taskDir: join(root, "tasks", name), flags: "{}" },
    ...{ dependsOn: [], worktree: false },
  });
  store.enqueue({
    ...{ projectRoot: root, failFast: false, parallel: 1 },
    tasks: [queued("one"), queued("two")],
  });
  store.close();
  for (const args of [["tasks"], []]) {
    const { stdout } = await home.ralph(...args);
    assert.match(stdout, /^one +1\/1 +- +queued: is next *$/m);
    assert.match(stdout, /^two +0\/1 +US-007 +queued: after `one` *$/m);
  }
  const json = JSON.parse((await home.ralph("tasks", "--json")).stdout);
  assert.deepEqual(json.map((one: { queued: string }) => one.queued), ["is next", "after `one`"]);
});

Deno.test("ralph alone in a project without tasks, and outside of one, says how to begin", async () => {
  await using home = await makeHome();
  await Deno.remove(join(home.project.root, "tasks"), { recursive: true });
  const none = await home.ralph();
  assert.equal(
    none.stdout,
    "This project has no tasks yet.\n\n" +
      "  ralph new my-feature  a task to fill in\n" +
      "  ralph doctor          what is missing, and the commands that fix it\n" +
      "  ralph --help          all commands\n",
  );
  await Deno.remove(join(home.project.root, ".git"), { recursive: true });
  const outside = await home.ralph();
  assert.equal(outside.code, 0);
  assert.match(outside.stdout, /^This folder is in no git repository\./);
  assert.deepEqual(commands(outside.stdout), ["git init", "ralph doctor", "ralph --help"]);
});

Deno.test("an option that is wrong points to the help of its command", async () => {
  await using home = await makeHome();
  const wrong = await home.ralph("start", "--modle", "x");
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /^hint: see what there is: ralph run --help$/m);
  assert.match((await home.ralph("--x")).stderr, /^hint: see what there is: ralph --help$/m);
});

Deno.test("a task of this project that never ran is not another project's of that name", async () => {
  await using home = await makeHome();
  await home.project.write("tasks/two/prd.md", "### US-001: Open\n\n- [ ] it\n");
  const store = home.open();
  const gone = { taskName: "two", taskDir: "/gone/tasks/two", projectRoot: "/gone" };
  store.startSession(gone, WORKER, START);
  store.close();
  for (const command of ["status", "history", "logs", "stop", "wait"]) {
    const { code, stderr } = await home.ralph(command, "two");
    assert.equal(code, 4, command);
    assert.match(stderr, /no session of `two` was ever started/, command);
  }
  assert.match((await home.ralph("history", "/gone/tasks/two")).stdout, /^session 1 {2}two/);
});

Deno.test("ralph alone names what a person has to do for a task that waits for that", async () => {
  await using home = await makeHome();
  await home.project.write("tasks/two/prd.md", "### US-001: Open\n\n- [ ] it\n");
  const store = home.open();
  const taskDir = join(home.project.root, "tasks/two");
  const lease = store.startSession({ ...home.task, taskName: "two", taskDir }, WORKER, START);
  store.endSession(lease, {
    status: "stopped",
    reason: "blocked_on_human",
    detail: "the agent needs a person: which colour?",
  });
  store.close();
  const { stdout } = await home.ralph();
  assert.deepEqual(commands(stdout).slice(0, 2), ["ralph run two --say '…'", "ralph run two"]);
  assert.match(stdout, /which colour\?/);
});
