/** `ralph land`, with real git: what it brings home, and what it leaves alone. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { treeLockPath } from "../../../../src/app/store.ts";
import { nameDependencies } from "../../../../src/control/worktree/set_up.ts";
import { takeLock } from "../../../../src/host/lock/lock.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { type Home, makeHome, type Result } from "../../../reliability/home.ts";

const GATE = { verify: [{ shell: "! grep -s broken app.txt", name: "whole" }] };

/** A home with a worktree of its task, on whose branch `files` are committed. */
async function withWork(home: Home, files: Readonly<Record<string, string>>): Promise<string> {
  const { project } = home;
  await project.write("ralph.json", JSON.stringify(GATE));
  await project.write("app.txt", "one\ntwo\nthree\nfour\nfive\n");
  await project.git("add", "--all");
  await project.git("commit", "--quiet", "-m", "feat: app");
  await ok(home.ralph("run", "one", "--foreground", "--worktree"));
  const root = join(`${project.root}.ralph`, "one");
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(root, name), text);
  }
  await commitIn(home, root, "feat: the work");
  return root;
}

async function commitIn(home: Home, root: string, message: string): Promise<void> {
  await home.project.git("-C", root, "add", "--all");
  await home.project.git("-C", root, "commit", "--quiet", "-m", message);
}

async function ok(running: Promise<Result>): Promise<string> {
  const { code, stdout, stderr } = await running;
  assert.equal(code, 0, stdout + stderr);
  return stdout + stderr;
}

async function refused(running: Promise<Result>, code: number, said: RegExp): Promise<void> {
  const { stdout, stderr, ...result } = await running;
  assert.match(stderr, said, stdout);
  assert.equal(result.code, code, stdout + stderr);
}

/** What must be as it was when nothing is landed. */
async function state(home: Home, root: string): Promise<readonly string[]> {
  const { project } = home;
  return [
    await project.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"),
    await project.git("status", "--porcelain", "--branch"),
    await project.git("-C", root, "status", "--porcelain", "--branch"),
    await project.git("-C", root, "diff", "HEAD"),
  ];
}

Deno.test("where the base has not moved on, it moves forward to the work", async () => {
  await using home = await makeHome();
  const { project } = home;
  await withWork(home, { "new.txt": "new\n" });
  await project.write("mine.txt", "a person's");
  await project.write("app.txt", "one, mine\ntwo\nthree\nfour\nfive\n");
  const said = await ok(home.ralph("land", "one"));
  assert.match(said, /new\.txt \| 1 \+/);
  assert.match(said, /gate whole/);
  assert.match(said, /`ralph\/one` was merged into `main`/);
  assert.equal(await project.read("new.txt"), "new\n");
  assert.equal(await project.git("status", "--porcelain"), "M app.txt\n?? mine.txt");
  assert.equal(await project.git("rev-parse", "main"), await project.git("rev-parse", "ralph/one"));
  assert.match(await ok(home.ralph("land", "one")), /`ralph\/one` is all in `main`/);
});

Deno.test("where it has, the base gets a merge of its own, with what the gates have seen", async () => {
  await using home = await makeHome();
  const { project } = home;
  const root = await withWork(home, { "new.txt": "new\n" });
  const work = await project.git("rev-parse", "ralph/one");
  await project.write("later.txt", "later\n");
  await project.git("add", "--all");
  await project.git("commit", "--quiet", "-m", "later");
  const base = await project.git("rev-parse", "main");
  const landed = JSON.parse(await ok(home.ralph("land", "one", "--json")));
  assert.equal(landed.how, "merged");
  assert.equal(await project.git("log", "-1", "--format=%P", "main"), `${base} ${work}`);
  assert.equal(await project.read("new.txt") + await project.read("later.txt"), "new\nlater\n");
  assert.equal(await project.git("status", "--porcelain"), "");
  assert.equal(await project.git("-C", root, "status", "--porcelain"), "");
  assert.equal(await project.git("rev-parse", "ralph/one"), landed.commit);
});

Deno.test("where the base brings other dependencies, setup runs before the gates, and once in all", async () => {
  await using home = await makeHome();
  const { project } = home;
  const root = await withWork(home, { "new.txt": "new\n" });
  const count = join(project.root, "../count");
  const later = async (files: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(files)) await project.write(name, text);
    await project.git("add", "--all");
    await project.git("commit", "--quiet", "-m", "later");
  };
  const setup = {
    setup: [{ shell: `echo ran >> ${count}; ! test -e ${count}.down`, name: "install" }],
  };
  await later({ "ralph.json": JSON.stringify({ ...GATE, ...setup }), "later.txt": "later\n" });
  assert.doesNotMatch(await ok(home.ralph("land", "one")), /setup:/);

  await later({ "web/package-lock.json": "{}\n" });
  await Deno.writeTextFile(join(root, "more.txt"), "more\n");
  await commitIn(home, root, "feat: more");
  await Deno.writeTextFile(`${count}.down`, "");
  const before = await state(home, root);
  await refused(
    home.ralph("land", "one"),
    1,
    /cannot land .*`install` of `setup` failed: exit code 1/,
  );
  assert.deepEqual(await state(home, root), before);
  await Deno.remove(`${count}.down`);
  assert.match(await ok(home.ralph("land", "one")), /setup: install\n[^]*gate whole/);
  assert.equal(await Deno.readTextFile(count), "ran\nran\n");
});

Deno.test("stories that are open are told of before anything is done, and in JSON", async () => {
  await using home = await makeHome();
  const root = await withWork(home, { "new.txt": "new\n" });
  const prd = join(root, "tasks/one/prd.md");
  await Deno.writeTextFile(prd, "# PRD\n\n### US-001: A\n\n- [x] a\n\n### US-002: B\n\n- [ ] b\n");
  await commitIn(home, root, "chore: another story");
  const { stdout, stderr } = await home.ralph("land", "one", "--json");
  assert.match(stderr, /^warning: of `one` 1 of 2 stories is open; what is done is landed all the/);
  assert.equal(JSON.parse(stdout).storiesOpen, 1);
});

Deno.test("package files of many languages say that other dependencies may be needed", () => {
  const named = (file: string) => nameDependencies(["src/a.ts", file]);
  for (
    const file of [
      ...[
        "package.json",
        "a/package-lock.json",
        "pnpm-lock.yaml",
        "yarn.lock",
        "bun.lockb",
        "bun.lock",
      ],
      ...["deno.lock", "Cargo.lock", "go.sum", "poetry.lock", "uv.lock", "requirements-dev.txt"],
      ...["Gemfile.lock", "composer.lock", "mix.lock", "Package.resolved.lock"],
    ]
  ) assert(named(file), file);
  for (const file of ["lock.ts", "src/locked.md", "padlock.txt", "blocks/clock.json"]) {
    assert(!named(file), file);
  }
});

Deno.test("--rebase puts the work on top of the base", async () => {
  await using home = await makeHome();
  const { project } = home;
  await withWork(home, { "new.txt": "new\n" });
  await project.git("commit", "--quiet", "--allow-empty", "-m", "later");
  const base = await project.git("rev-parse", "main");
  await ok(home.ralph("land", "one", "--rebase"));
  assert.equal(await project.git("log", "-1", "--format=%P", "main"), base);
  assert.equal(await project.read("new.txt"), "new\n");
});

for (const args of [[], ["--rebase"]]) {
  const how = args.join(" ") || "a merge";
  Deno.test(`a conflict leaves all as it was, and says how to go on: ${how}`, async () => {
    await using home = await makeHome();
    const { project } = home;
    const root = await withWork(home, { "app.txt": "one, by the task\n" });
    await project.write("app.txt", "one, by a person\n");
    await project.git("commit", "--quiet", "--all", "-m", "mine");
    const before = await state(home, root);
    await refused(home.ralph("land", "one", ...args), 5, /in conflict with `main` in `app\.txt`/);
    assert.deepEqual(await state(home, root), before);

    await assert.rejects(project.git("-C", root, "merge", "main"));
    await refused(home.ralph("land", "one"), 5, /a merge is under way in its worktree/);
    await Deno.writeTextFile(join(root, "app.txt"), "one, by both\n");
    await commitIn(home, root, "merge: main");
    await ok(home.ralph("land", "one"));
    assert.equal(await project.read("app.txt"), "one, by both\n");
  });
}

Deno.test("what fails only with the base in it is not landed", async () => {
  await using home = await makeHome();
  const { project } = home;
  const root = await withWork(home, { "new.txt": "new\n" });
  await project.write("app.txt", "broken\n");
  await project.git("commit", "--quiet", "--all", "-m", "mine");
  const before = await state(home, root);
  await refused(home.ralph("land", "one"), 1, /`whole` failed with `main` in it/);
  assert.deepEqual(await state(home, root), before);
});

Deno.test("a person's files in the way stay, and so does everything else", async () => {
  await using home = await makeHome();
  const { project } = home;
  const root = await withWork(home, { "app.txt": "by the task\n", "new.txt": "new\n" });
  await project.write("app.txt", "a person's\n");
  await project.write("new.txt", "a person's, too\n");
  const before = await state(home, root);
  await refused(home.ralph("land", "one"), 5, /not committed where .*: `app\.txt`, `new\.txt`/);
  assert.deepEqual(await state(home, root), before);
  assert.equal(await project.read("new.txt"), "a person's, too\n");
  await project.write("app.txt", "by the task\n");
  await project.write("new.txt", "new\n");
  assert.match(await ok(home.ralph("land", "one")), /was merged/);
});

Deno.test("a task that was in no commit comes home, and what a person has written since stays", async () => {
  await using home = await makeHome();
  const { project } = home;
  const text = "# PRD\n\n### US-001: Only\n\n- [x] it is done\n";
  await project.write("tasks/two/prd.md", text);
  await ok(home.ralph("run", "two", "--foreground", "--worktree"));
  assert.equal(await project.git("status", "--porcelain"), "?? tasks/two/");
  const root = join(`${project.root}.ralph`, "two");
  await Deno.writeTextFile(join(root, "tasks/two/prd.md"), `${text}\nNotes\n`);
  await commitIn(home, root, "docs: notes");

  await project.write("tasks/two/prd.md", `${text}\nMine\n`);
  await refused(home.ralph("land", "two"), 5, /not committed where .*tasks\/two\/prd\.md/);
  assert.equal(await project.read("tasks/two/prd.md"), `${text}\nMine\n`);

  await project.write("tasks/two/prd.md", text);
  await ok(home.ralph("land", "two"));
  assert.equal(await project.read("tasks/two/prd.md"), `${text}\nNotes\n`);
  assert.equal(await project.git("status", "--porcelain"), "");
});

Deno.test("an edit of the PRD in no commit goes with the task, and is no obstacle on the way home", async () => {
  await using home = await makeHome();
  const { project } = home;
  const text = `${await project.read("tasks/one/prd.md")}\nMore to know.\n`;
  await project.write("tasks/one/prd.md", text);
  await ok(home.ralph("run", "one", "--foreground", "--worktree"));
  const root = join(`${project.root}.ralph`, "one");
  assert.equal(await Deno.readTextFile(join(root, "tasks/one/prd.md")), text);
  assert.equal(await project.git("status", "--porcelain"), "M tasks/one/prd.md");
  await Deno.writeTextFile(join(root, "tasks/one/prd.md"), `${text}\nDone.\n`);
  await commitIn(home, root, "docs: done");
  await ok(home.ralph("land", "one"));
  assert.equal(await project.read("tasks/one/prd.md"), `${text}\nDone.\n`);
  assert.equal(await project.git("status", "--porcelain"), "");
});

Deno.test("what stands in the way is named: changes, branches, sessions, a tree that is gone", async () => {
  await using home = await makeHome();
  const { project } = home;
  await refused(home.ralph("land", "one"), 4, /`one` has no worktree/);
  const root = await withWork(home, { "new.txt": "new\n" });
  const land = () => home.ralph("land", "one");

  await Deno.writeTextFile(join(root, "left.txt"), "left");
  await refused(land(), 5, /what no commit has: `left\.txt`/);
  await Deno.remove(join(root, "left.txt"));

  await project.git("-C", root, "switch", "--quiet", "-c", "other");
  await refused(land(), 5, /has `other` checked out, and not `ralph\/one`/);
  await project.git("-C", root, "switch", "--quiet", "ralph/one");

  const context = { clock: systemClock, environment: (name: string) => home.variables[name] };
  const lock = await takeLock(treeLockPath({ ...context } as never, project.root), systemClock);
  await refused(land(), 5, /is at work in/);
  lock?.release();

  await project.git("switch", "--quiet", "-c", "elsewhere");
  const other = join(project.root, "../other");
  await project.git("worktree", "add", "--quiet", other, "main");
  await refused(land(), 5, /`main` is checked out elsewhere, in .*other/);
  await project.git("worktree", "remove", other);
  assert.match(await ok(land()), /was merged into `main`/);
  assert.equal(await project.git("branch", "--show-current"), "elsewhere");

  await Deno.remove(root, { recursive: true });
  await refused(land(), 5, /its worktree .* is gone/);
});
