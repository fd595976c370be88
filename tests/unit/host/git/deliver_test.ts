import assert from "node:assert/strict";
import { bringToBranch, commitFiles, deliveryGit } from "../../../../src/host/git/deliver.ts";
import { type TreeState, treeState } from "../../../../src/host/git/tree_state.ts";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { isGone } from "../../../reliability/processes.ts";
import { makeProject, type Project } from "../../../support/project.ts";
import { until } from "../../../support/wait.ts";

const bring = ({ root }: Project, branch = "main", start?: TreeState) =>
  bringToBranch(root, { branch, start }, { clock });
const commit = ({ root }: Project, ...files: readonly string[]) =>
  commitFiles(root, { files, message: "feat: US-001 - it" }, { clock });

async function work(project: Project, name: string): Promise<string> {
  await project.write(name, name);
  await project.git("add", "--all");
  await project.git("commit", "--quiet", "-m", name);
  return await project.git("rev-parse", "HEAD");
}

Deno.test("a branch is moved forward to what is checked out, and no file changes", async () => {
  for (
    const leave of [["switch", "--quiet", "-c", "feature"], ["checkout", "--quiet", "--detach"]]
  ) {
    await using project = await makeProject({ files: { "a.txt": "a" } });
    await project.git(...leave);
    const made = await work(project, "b.txt");
    await project.write("a.txt", "dirty");
    assert.equal(await bring(project), undefined);
    assert.equal(await bring(project), undefined, "done twice");
    assert.equal(await project.git("branch", "--show-current"), "main");
    assert.equal(await project.git("rev-parse", "main"), made);
    assert.equal(await project.git("status", "--porcelain"), "M a.txt");
  }
});

Deno.test("one that has other commits, is gone or is checked out elsewhere stays as it is", async () => {
  await using project = await makeProject({ files: { "a.txt": "a" } });
  await project.git("switch", "--quiet", "-c", "feature");
  await project.git("worktree", "add", "--quiet", "../tree", "main");
  assert.match(await bring(project) ?? "", /`main` is checked out in .*tree/);
  await project.git("worktree", "remove", "../tree");
  assert.match(await bring(project, "other") ?? "", /no branch `other` any more/);
  await work(project, "b.txt");
  const main = await project.git("rev-parse", "main");
  await project.git("checkout", "--quiet", "--orphan", "new");
  await work(project, "c.txt");
  assert.match(await bring(project) ?? "", /`main` has commits that it has not/);
  assert.equal(await project.git("rev-parse", "main"), main);
  assert.equal(await project.git("branch", "--show-current"), "new");
});

Deno.test("what was there at the start is no branch's way forward, but for what a merge takes in", async () => {
  for (const place of ["refs/heads/colleague", "refs/remotes/origin/feature"]) {
    for (
      const [leave, isBrought] of [["detach", false], ["work", false], ["merge", true]] as const
    ) {
      await using project = await makeProject({ files: { "a.txt": "a" } });
      const { root, git } = project;
      await git("checkout", "--quiet", "--detach");
      await git("update-ref", place, await work(project, "theirs.txt"));
      await git("switch", "--quiet", "main");
      const start = await treeState(root, { clock });
      await git("checkout", "--quiet", "--detach", ...leave === "merge" ? [] : [place]);
      if (leave !== "detach") await work(project, "b.txt");
      if (leave === "merge") await git("merge", "--quiet", "--no-edit", place);
      const main = await git("rev-parse", "main");
      const said = await bring(project, "main", start);
      const at = `${place} ${leave}`;
      if (isBrought) assert.equal(said, undefined, at);
      else assert.match(said ?? "", /^1 commit of it was there .*`git -C \S+ switch main`/, at);
      assert.equal(await git("rev-parse", "main") === main, !isBrought, at);
    }
  }
});

Deno.test("files are committed as they are, new and deleted ones too, and nothing else", async () => {
  await using project = await makeProject({
    files: { "a b.txt": "a", "gone.txt": "x", "u.txt": "u" },
  });
  await project.write("a b.txt", "changed");
  await project.write("*.txt", "its name is no pattern");
  await Deno.remove(`${project.root}/gone.txt`);
  await project.write("u.txt", "the user's");
  await project.write("staged.txt", "the user's");
  await project.git("add", "staged.txt");
  const committed = await commit(project, "a b.txt", "*.txt", "gone.txt");
  assert("commit" in committed, JSON.stringify(committed));
  assert.equal(committed.commit, await project.git("rev-parse", "HEAD"));
  const shown = await project.git("show", "--format=%an %s", "--name-status", "HEAD");
  assert.equal(shown, "Test feat: US-001 - it\n\nA\t*.txt\nM\ta b.txt\nD\tgone.txt");
  assert.equal(await project.git("status", "--porcelain"), "A  staged.txt\n M u.txt");
});

Deno.test("what was moved or removed in the index already is committed, whatever else is staged", async () => {
  for (const other of [false, true]) {
    await using project = await makeProject({
      files: { "a.txt": "a", "b.txt": "b", "c.txt": "c" },
    });
    await project.git("mv", "a.txt", "z.txt");
    await project.git("rm", "--quiet", "b.txt");
    if (other) {
      await project.write("c.txt", "the user's");
      await project.git("add", "c.txt");
    }
    const committed = await commit(project, "a.txt", "z.txt", "b.txt", "vanished.txt");
    assert("commit" in committed, JSON.stringify(committed));
    const shown = await project.git("show", "--format=", "--no-renames", "--name-status", "HEAD");
    assert.equal(shown, "D\ta.txt\nD\tb.txt\nA\tz.txt");
    assert.equal(await project.git("status", "--porcelain"), other ? "M  c.txt" : "");
  }
});

Deno.test("a lock of a moment is waited for", async () => {
  await using project = await makeProject({ files: { "a.txt": "a" } });
  await project.write("a.txt", "b");
  const lock = `${project.root}/.git/index.lock`;
  await Deno.writeTextFile(lock, "");
  let waits = 0;
  const freeing: typeof clock = {
    ...clock,
    after(ms, callback) {
      if (ms < 1_000 && ++waits === 1) Deno.removeSync(lock); // git has refused by then
      return clock.after(ms, callback);
    },
  };
  const committed = await commitFiles(project.root, { files: ["a.txt"], message: "it" }, {
    clock: freeing,
  });
  assert("commit" in committed, JSON.stringify(committed));
  assert.equal(waits, 1);
});

Deno.test("a hook that refuses is heard, and one that formats is let", async () => {
  await using project = await makeProject({ files: { "a.txt": "a" } });
  const hook = `${project.root}/.git/hooks/pre-commit`;
  await Deno.writeTextFile(hook, "#!/bin/sh\necho no semicolon; echo in a.txt >&2; exit 1\n");
  await Deno.chmod(hook, 0o755);
  await project.write("a.txt", "b");
  assert.deepEqual(await commit(project, "a.txt"), {
    why: "git refuses: no semicolon; in a.txt",
    byHook: true,
  });
  assert.equal(await project.git("diff", "--cached", "--name-only"), "", "nothing stays staged");
  await Deno.writeTextFile(hook, "#!/bin/sh\necho formatted > a.txt; git add a.txt\n");
  assert("commit" in await commit(project, "a.txt"));
  assert.equal(await project.git("show", "HEAD:a.txt"), "formatted");
  assert.equal(await project.git("status", "--porcelain"), "");
  // the same while something of a person's is staged
  await project.write("mine.txt", "m");
  await project.git("add", "mine.txt");
  await project.write("a.txt", "c");
  assert("commit" in await commit(project, "a.txt"));
  assert.equal(await project.git("status", "--porcelain"), "A  mine.txt");
});

Deno.test("what a hook mends and refuses is committed as it is mended, once", async () => {
  await using project = await makeProject({ files: { "a.txt": "a\n", "b.txt": "b\n" } });
  const hook = `${project.root}/.git/hooks/pre-commit`;
  const mends = "grep -q ' $' a.txt || exit 0; sed -i 's/ *$//' a.txt; echo mended; exit 1";
  await Deno.writeTextFile(hook, `#!/bin/sh\n${mends}\n`, { mode: 0o755 });
  await project.write("a.txt", "one  \n");
  assert("commit" in await commit(project, "a.txt"));
  assert.equal(await project.git("show", "HEAD:a.txt"), "one");
  assert.equal(await project.git("status", "--porcelain"), "");
  // the same while something of a person's is staged
  await project.write("b.txt", "mine\n");
  await project.git("add", "b.txt");
  await project.write("a.txt", "two  \n");
  assert("commit" in await commit(project, "a.txt"));
  assert.equal(await project.git("show", "HEAD:a.txt"), "two");
  assert.equal(await project.git("status", "--porcelain"), "M  b.txt");
  // one that is never content is asked twice
  await Deno.writeTextFile(hook, "#!/bin/sh\necho x >> a.txt; echo again >> .git/asked; exit 1\n");
  await project.write("a.txt", "three\n");
  assert.deepEqual(await commit(project, "a.txt"), {
    why: "git refuses: it says nothing",
    byHook: true,
  });
  assert.equal(await project.read(".git/asked"), "again\nagain\n");
});

Deno.test("a commit that is stopped lets its hook put back what it has hidden", async () => {
  await using project = await makeProject({ files: { "a.txt": "a", "mine.txt": "" } });
  const hook = `${project.root}/.git/hooks/pre-commit`;
  const hides = `trap 'kill $!; sleep 1; mv .git/kept mine.txt; exit 1' INT
mv mine.txt .git/kept
sleep 600 & echo hidden > .git/hung; wait`;
  await Deno.writeTextFile(hook, `#!/bin/sh\n${hides}\n`, { mode: 0o755 });
  await project.write("mine.txt", "not committed");
  await project.write("a.txt", "b");
  const stop = new AbortController();
  const place = { clock, signal: stop.signal };
  const committed = commitFiles(project.root, { files: ["a.txt"], message: "it" }, place);
  await until(() => project.read(".git/hung").catch(() => ""), { what: "the hook" });
  stop.abort();
  assert.deepEqual(await committed, { why: "it was stopped" });
  assert.equal(await project.read("mine.txt"), "not committed");
});

Deno.test("a commit that is stopped leaves nothing staged, and its hook does not work on", async () => {
  await using project = await makeProject({ files: { "a.txt": "a" } });
  const hook = `${project.root}/.git/hooks/pre-commit`;
  await Deno.writeTextFile(hook, "#!/bin/sh\nsleep 600 & echo $! > .git/hung; wait\n");
  await Deno.chmod(hook, 0o755);
  await project.write("a.txt", "b");
  const stop = new AbortController();
  const place = { clock, signal: stop.signal };
  const committed = commitFiles(project.root, { files: ["a.txt"], message: "it" }, place);
  const pid = await until(async () => Number(await project.read(".git/hung").catch(() => "")), {
    what: "the hook",
  });
  stop.abort();
  assert.deepEqual(await committed, { why: "it was stopped" });
  assert.equal(await project.git("diff", "--cached", "--name-only"), "");
  await until(() => isGone(pid), { what: "what the hook has started to be gone" });
});

Deno.test("a lock of a minute ago that nobody has is one that was left", async () => {
  await using project = await makeProject();
  const lock = `${project.root}/.git/index.lock`;
  const { state } = deliveryGit(clock, new AbortController().signal);
  const isLeft = async () => (await state(project.root))?.lockLeft;
  assert.equal(await isLeft(), false);
  const file = await Deno.create(lock);
  assert.equal(await isLeft(), false, "a new one");
  const before = new Date(clock.now() - 61_000);
  await Deno.utime(lock, before, before);
  assert.equal(await isLeft(), false, "somebody has it open");
  file.close();
  assert.equal(await isLeft(), true);
});

Deno.test("the hook that refuses the message is told from one that refuses the work", async () => {
  for (const [hook, ofMessage] of [["pre-commit", undefined], ["commit-msg", true]] as const) {
    await using project = await makeProject({ files: { "a.txt": "a" } });
    // of an earlier commit, which both hooks took
    await project.write(".git/COMMIT_EDITMSG", "chore: start\n");
    await project.write(`.git/hooks/${hook}`, "#!/bin/sh\necho no >&2; exit 1\n");
    await Deno.chmod(`${project.root}/.git/hooks/${hook}`, 0o755);
    await project.write("a.txt", "b");
    const refused = await commit(project, "a.txt");
    assert("why" in refused && refused.why === "git refuses: no");
    assert.equal(refused.ofMessage, ofMessage, hook);
  }
});
