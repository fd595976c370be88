/** `ralph run --worktree`, with real git: what is in the worktree, and what becomes of the tree at home. */
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { fileExists } from "../../../../src/host/files/read_file.ts";
import { type Home, makeHome } from "../../../reliability/home.ts";

const DONE = "# PRD\n\n### US-001: Only\n\n- [x] it is done\n";

/** Runs the finished task of a home in its worktree, where only gates run. Returns its root. */
async function runOne(home: Home, name = "one"): Promise<string> {
  const { code, stdout, stderr } = await home.ralph("run", name, "--foreground", "--worktree");
  assert.equal(code, 0, stdout + stderr);
  return join(`${home.project.root}.ralph`, name);
}

async function refused(home: Home, said: RegExp, code = 5, name = "one"): Promise<void> {
  const result = await home.ralph("run", name, "--foreground", "--worktree");
  assert.match(result.stderr, said, result.stdout);
  assert.equal(result.code, code);
}

async function settings(home: Home, more: object): Promise<void> {
  await home.project.write("ralph.json", JSON.stringify({ verify: [["true"]], ...more }));
  await home.project.git("commit", "--quiet", "--all", "-m", "chore: settings");
}

async function roots(home: Home): Promise<readonly string[]> {
  const rows = JSON.parse((await home.ralph("status", "--json")).stdout);
  return rows.map((one: { projectRoot: string }) => one.projectRoot);
}

const gitIn = (home: Home, root: string, ...args: string[]) =>
  home.project.git("-C", root, ...args);

Deno.test("a task that is committed runs in a worktree, on a branch of its own", async () => {
  await using home = await makeHome();
  const { project } = home;
  const root = await runOne(home);
  assert.equal(await gitIn(home, root, "branch", "--show-current"), "ralph/one");
  assert.equal(await project.git("branch", "--show-current"), "main");
  assert.equal(await project.git("status", "--porcelain"), "");
  assert.deepEqual(await roots(home), [root]);

  // From then on the name means that one, with the option and without it, here and there.
  assert.equal(await runOne(home), root);
  assert.match((await home.ralph("run", "one", "--foreground")).stdout, /session 3/);
  const [task] = JSON.parse((await home.ralph("tasks", "--json")).stdout);
  assert.equal(task.taskDir, join(root, "tasks/one"));
  for (const command of ["status", "history", "logs"]) {
    const { code, stdout } = await home.ralph(command, "one");
    assert.equal(code, 0);
    assert.match(stdout, /session 3|completed/);
  }
  assert.deepEqual(await roots(home), [root]);
});

Deno.test("a branch that only the remote has is gone on with, and tracks it", async () => {
  await using home = await makeHome();
  const { project } = home;
  const remote = `${project.root}.origin`;
  await project.git("init", "--quiet", "--bare", remote);
  try {
    await project.git("remote", "add", "origin", remote);
    await project.git("commit", "--quiet", "--allow-empty", "-m", "of yesterday");
    await project.git("push", "--quiet", "origin", "HEAD:ralph/one");
    await project.git("reset", "--quiet", "--hard", "HEAD~");
    const root = await runOne(home);
    assert.match(await gitIn(home, root, "log", "--format=%s"), /^of yesterday$/m);
    assert.equal(await gitIn(home, root, "rev-parse", "--abbrev-ref", "@{u}"), "origin/ralph/one");
  } finally {
    await Deno.remove(remote, { recursive: true });
  }
});

Deno.test("the setting has every task begin so; a session that waits at home goes on there", async () => {
  await using home = await makeHome();
  const store = home.open();
  const worker = { maxIterations: 3, serverUrl: "http://127.0.0.1:1", serverPort: 1 };
  const lease = store.startSession(home.task, {
    ...worker,
    workerPid: 4_000_000,
    workerVersion: "0",
    accepted: false,
  }, { settings: "{}", tree: null, choices: null });
  store.endSession(lease, { status: "checkpointed", reason: "checkpoint", detail: "paused" });
  store.close();
  const waits = await home.ralph("run", "one", "--foreground", "--worktree", "--json");
  assert.match(waits.stderr, /no worktree is made: this continues session 1/);
  assert.deepEqual(await roots(home), [home.project.root]);

  await settings(home, { worktree: true });
  await home.project.write("tasks/two/prd.md", DONE);
  assert.equal((await home.ralph("run", "two", "--foreground")).code, 0);
  assert.deepEqual((await roots(home))[0], join(`${home.project.root}.ralph`, "two"));
});

Deno.test("a task and settings in no commit are committed there; ignored ones are copied", async () => {
  await using home = await makeHome();
  const { project } = home;
  await project.write(".gitignore", "tasks/two/progress.txt\n.env\nlocal/\n");
  await project.git("add", "--all");
  await project.git("commit", "--quiet", "-m", "chore: ignore");
  await project.write("tasks/two/prd.md", DONE);
  await project.write("tasks/two/notes/more.md", "more");
  await project.write("tasks/two/progress.txt", "so far");
  await project.write(
    "ralph.json",
    JSON.stringify({ verify: [["true"]], copy: [".env", "local/*.key"] }),
  );
  await project.write("mine.txt", "a person's");
  await project.write(".env", "KEY=1");
  await Deno.chmod(join(project.root, ".env"), 0o600);
  await project.write("local/a.key", "key");
  await project.write("local/b.txt", "text");
  const { code, stderr } = await home.ralph("run", "two", "--foreground", "--worktree");
  assert.equal(code, 0, stderr);
  assert.match(stderr, /copied 2 files that git does not have/);
  assert.match(stderr, /not in it, since they are in no commit: `mine\.txt`/);
  const root = join(`${project.root}.ralph`, "two");
  assert.equal(
    await gitIn(home, root, "show", "--format=%s", "--name-only", "HEAD"),
    "chore: the task two, as it begins\n\nralph.json\ntasks/two/notes/more.md\ntasks/two/prd.md",
  );
  assert.equal(await Deno.readTextFile(join(root, "tasks/two/progress.txt")), "so far");
  assert.equal(await Deno.readTextFile(join(root, "local/a.key")), "key");
  assert(!fileExists(join(root, "local/b.txt")));
  assert.equal((await Deno.stat(join(root, ".env"))).mode! & 0o777, 0o600);
  assert.equal(await gitIn(home, root, "status", "--porcelain"), "");
  assert.match(await project.git("status", "--porcelain"), /mine\.txt/);

  // What the task has made of it is not written over.
  await Deno.writeTextFile(join(root, "tasks/two/progress.txt"), "further");
  assert.equal(await runOne(home, "two"), root);
  assert.equal(await Deno.readTextFile(join(root, "tasks/two/progress.txt")), "further");
});

Deno.test("setup runs once; when it fails, the next run goes on with it", async () => {
  await using home = await makeHome();
  const count = join(home.project.root, "../count");
  await settings(home, {
    setup: [
      { shell: `echo ran >> ${count}; touch left.txt` },
      { shell: `test -e ${count}.mended || { echo no network; exit 3; }`, name: "install" },
    ],
  });
  await refused(
    home,
    /setup: install\n {2}no network\nerror: cannot prepare the worktree .*`install` of `setup` failed: exit code 3/,
    1,
  );
  assert.equal((await home.ralph("run", "tasks/one", "--foreground", "--json")).code, 0, "at home");
  await Deno.writeTextFile(`${count}.mended`, "");
  const mended = await home.ralph("run", "one", "--foreground");
  assert.equal(mended.code, 0, "without the option, too");
  assert.match(mended.stderr, /in the way of landing: `left\.txt`/);
  assert.deepEqual((await roots(home))[0], await runOne(home));
  assert.equal(await Deno.readTextFile(count), "ran\nran\n");
});

Deno.test("a worktree that git was ended in the middle of is made anew", async () => {
  await using home = await makeHome();
  const { project } = home;
  await settings(home, { setup: [["false"]] });
  await refused(home, /`setup` failed/, 1);
  const root = join(`${project.root}.ralph`, "one");
  // As `git worktree add` leaves it.
  await Deno.writeTextFile(join(project.root, ".git/worktrees/one/locked"), "initializing");
  await Deno.remove(join(root, "tasks"), { recursive: true });
  await settings(home, {});
  await runOne(home);
  assert(fileExists(join(root, "tasks/one/prd.md")));
});

Deno.test("what stands in the way is named, and nothing is left", async () => {
  await using home = await makeHome();
  const { project } = home;
  const root = join(`${project.root}.ralph`, "one");

  await Deno.mkdir(join(root, "mine"), { recursive: true });
  await refused(home, /there is something else at .*project\.ralph\/one/);
  await Deno.remove(`${project.root}.ralph`, { recursive: true });

  await project.git("switch", "--quiet", "--detach");
  await refused(home, /no branch is checked out/);
  await project.git("switch", "--quiet", "-c", "ralph/one");
  await refused(home, /its branch `ralph\/one` is checked out in/);
  await project.git("switch", "--quiet", "main");
  await project.git("branch", "--quiet", "-D", "ralph/one");

  const nowhere = await home.ralph("run", "one", "--worktree", "--base-branch", "none");
  assert.match(nowhere.stderr, /there is no branch or commit `none` to begin at/);

  await Deno.writeTextFile(`${project.root}.ralph`, "a file");
  await refused(home, /cannot make the folder .*project\.ralph for worktrees/, 1);
  await Deno.remove(`${project.root}.ralph`);
  assert.equal(await project.git("worktree", "list").then((text) => text.split("\n").length), 1);
});

Deno.test("among ralph's data, where a setting says so", async () => {
  await using home = await makeHome();
  await settings(home, { worktreeIn: "data", worktree: true });
  assert.equal((await home.ralph("run", "one", "--foreground")).code, 0);
  const [root] = await roots(home);
  assert(root.startsWith(join(home.data, "worktrees/project-")), root);
  assert.equal(basename(root), "one");
});

Deno.test("a PRD at the root, and one that is a file among others", async () => {
  await using home = await makeHome();
  const { project } = home;
  await project.write("prd.md", DONE);
  await project.write("tasks/prd-flat.md", DONE);
  const root = await runOne(home, "project");
  assert.equal(await Deno.readTextFile(join(root, "prd.md")), DONE);
  const flat = await runOne(home, "flat");
  assert.equal(await Deno.readTextFile(join(flat, "tasks/prd-flat.md")), DONE);
  assert(!fileExists(join(flat, "prd.md")), "another task's");
});

Deno.test("words that wait for the task go with it, there and back", async () => {
  await using home = await makeHome();
  const worktrees = async (...args: string[]) =>
    assert.equal((await home.ralph("clean", "--worktrees", "--yes", ...args)).code, 0);
  const waiting = () => {
    const store = home.open();
    const root = join(`${home.project.root}.ralph`, "one");
    const [there, here] = [join(root, "tasks/one"), home.task.taskDir]
      .map((dir) => store.waitingWords(dir).map(({ text }) => text));
    store.close();
    return { there, here };
  };
  assert.equal((await home.ralph("say", "one", "mind the tests")).code, 0);
  await runOne(home);
  assert.deepEqual(waiting(), { there: ["mind the tests"], here: [] });
  assert.equal((await home.ralph("say", "one", "and the docs")).code, 0);
  await worktrees();
  assert.deepEqual(waiting(), { there: [], here: ["mind the tests", "and the docs"] });
});

Deno.test("hooks that are allowed for a project are so in its worktrees", async () => {
  await using home = await makeHome();
  const told = join(home.project.root, "../told");
  await Deno.writeTextFile(`${told}.sh`, `#!/bin/sh\npwd > ${told}\n`, { mode: 0o755 });
  await settings(home, { onEnd: [`${told}.sh`] });
  const config = join(home.variables.HOME, ".config/ralph");
  await Deno.mkdir(config, { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(
    join(config, "config.json"),
    JSON.stringify({ hooksFrom: [home.project.root] }),
  );
  const root = await runOne(home);
  assert.equal(await Deno.readTextFile(told), `${root}\n`);
});
