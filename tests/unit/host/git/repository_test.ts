import assert from "node:assert/strict";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { readRepository } from "../../../../src/host/git/repository.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { makeProject, type Project } from "../../../support/project.ts";

const state = (project: Project) => readRepository(project.root, clock);

/** A file that `main` and `other` changed differently; `other` is one commit. */
async function torn(): Promise<Project> {
  const project = await makeProject({ files: { "file.txt": "base\n" } });
  const change = async (text: string) => {
    await project.write("file.txt", text);
    await project.git("commit", "--quiet", "--all", "-m", text.trim());
  };
  await project.git("switch", "--quiet", "-c", "other");
  await change("theirs\n");
  await project.git("switch", "--quiet", "main");
  await change("ours\n");
  return project;
}

Deno.test("a repository where all is well", async () => {
  await using project = await makeProject({ name: "two words" });
  assert.deepEqual(await state(project), {
    branch: "main",
    hasCommits: true,
    underWay: undefined,
    indexLock: undefined,
    identity: "Test <test@example.com>",
  });
});

Deno.test("one without a commit, one without a branch, one with a strange branch", async () => {
  using folder = temporaryFolder();
  await new Deno.Command("git", { args: ["init", "--quiet", "-b", "trunk", folder.path] }).output();
  const empty = await readRepository(folder.path, clock);
  assert.deepEqual([empty?.branch, empty?.hasCommits], ["trunk", false]);

  await using project = await makeProject();
  await project.git("checkout", "--quiet", "--detach");
  const detached = await state(project);
  assert.deepEqual([detached?.branch, detached?.hasCommits], [undefined, true]);
  await project.git("switch", "--quiet", "-c", "feat/ü-é");
  assert.equal((await state(project))?.branch, "feat/ü-é");
});

Deno.test("what is under way is named, and can be given up as it says", async () => {
  const cases: [string, readonly string[]][] = [
    ["merge", ["merge", "other"]],
    ["rebase", ["rebase", "other"]],
    ["rebase", ["rebase", "--apply", "other"]],
    ["cherry-pick", ["cherry-pick", "other"]],
    ["revert", ["revert", "--no-edit", "HEAD~1"]],
    ["am", ["am", "other.patch"]],
  ];
  await using project = await torn();
  await project.write("file.txt", "later\n");
  await project.git("commit", "--quiet", "--all", "-m", "later");
  const patch = await project.git("format-patch", "--stdout", "-1", "other");
  await project.write(".git/info/exclude", "other.patch\n");
  await project.write("other.patch", `${patch}\n`);
  const tip = await project.git("rev-parse", "HEAD");
  for (const [what, command] of cases) {
    await assert.rejects(project.git(...command), /conflict|failed|could not|error/i, what);
    const found = await state(project);
    assert.equal(found?.underWay?.what, what, command.join(" "));
    await project.git(...found.underWay.abort.split(" "));
    const after = await state(project);
    assert.equal(after?.underWay, undefined, command.join(" "));
    assert.equal(after?.branch, "main");
    assert.equal(await project.git("rev-parse", "HEAD"), tip);
  }
});

Deno.test("a lock of the index is found, also that of a worktree", async () => {
  await using project = await makeProject();
  const lock = `${project.root}/.git/index.lock`;
  await project.write(".git/index.lock", "");
  assert.equal((await state(project))?.indexLock, lock);
  await Deno.remove(lock);

  using folder = temporaryFolder();
  const tree = `${folder.path}/tree`;
  await project.git("worktree", "add", "--quiet", "-b", "side", tree);
  const side = await readRepository(tree, clock);
  assert.deepEqual([side?.branch, side?.indexLock], ["side", undefined]);
  await project.write(".git/worktrees/tree/index.lock", "");
  assert.equal(
    (await readRepository(tree, clock))?.indexLock,
    `${project.root}/.git/worktrees/tree/index.lock`,
  );
  assert.equal((await state(project))?.indexLock, undefined);
});

Deno.test("an author that git does not know is not made up", async () => {
  await using project = await makeProject();
  await project.git("config", "user.name", "");
  assert.equal((await state(project))?.identity, undefined);
  await project.git("config", "user.name", "Ann 1 +0000");
  assert.equal((await state(project))?.identity, "Ann 1 +0000 <test@example.com>");
});

Deno.test("a folder that git does not answer for", async () => {
  using folder = temporaryFolder();
  assert.equal(await readRepository(folder.path, clock), undefined);
  assert.equal(await readRepository(`${folder.path}/missing`, clock), undefined);
  Deno.mkdirSync(`${folder.path}/.git`);
  Deno.writeTextFileSync(`${folder.path}/.git/HEAD`, "nonsense");
  assert.equal(await readRepository(folder.path, clock), undefined);
});

Deno.test("a look changes nothing in the git folder", async () => {
  await using project = await makeProject({ files: { "a.txt": "a" } });
  // git would refresh its index for the new time of the file
  await Deno.utime(`${project.root}/a.txt`, new Date(), new Date(0));
  const before = await filesIn(`${project.root}/.git`);
  assert(before.has("index"));
  await state(project);
  assert.deepEqual(await filesIn(`${project.root}/.git`), before);
});

async function filesIn(folder: string, prefix = ""): Promise<Map<string, number | undefined>> {
  const found = new Map<string, number | undefined>();
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    found.set(prefix + name, (await Deno.lstat(path)).mtime?.getTime());
    if (!isDirectory) continue;
    for (const [key, value] of await filesIn(path, `${prefix}${name}/`)) found.set(key, value);
  }
  return found;
}
