import assert from "node:assert/strict";
import { treeChange, treeState } from "../../../src/host/git.ts";
import { temporaryFolder } from "../../support/folder.ts";

async function repository(root: string) {
  const git = async (...args: string[]) => {
    const { success, stdout, stderr } = await new Deno.Command("git", {
      args: ["-C", root, "-c", "user.name=t", "-c", "user.email=t@localhost", ...args],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim();
  };
  await git("init", "-q", "-b", "main");
  return {
    git,
    write: (name: string, text: string) => Deno.writeTextFileSync(`${root}/${name}`, text),
  };
}

/** What `work` changed, with the folder `tasks/t` left out. */
async function changeBy(root: string, work: () => Promise<unknown> | void) {
  const before = await treeState(root);
  await work();
  const after = await treeState(root);
  assert(before && after);
  return await treeChange(root, { before, after, ignore: "tasks/t" });
}

Deno.test("commits and changed files are counted, the task's own folder is not", async () => {
  using dir = temporaryFolder();
  const root = dir.path;
  const { git, write } = await repository(root);
  assert.equal((await treeState(root))?.head, undefined, "before the first commit");

  assert.deepEqual(
    await changeBy(root, async () => {
      write("a.txt", "a");
      await git("add", ".");
      await git("commit", "-qm", "first");
    }),
    { commits: 1, files: 1 },
  );
  assert.equal((await treeState(root))?.head, await git("rev-parse", "HEAD"));
  assert.deepEqual(await changeBy(root, () => {}), { commits: 0, files: 0 });

  Deno.mkdirSync(`${root}/tasks/t`, { recursive: true });
  assert.deepEqual(
    await changeBy(root, () => write("tasks/t/progress.txt", "x")),
    { commits: 0, files: 0 },
  );
  assert.deepEqual(
    await changeBy(root, () => write("with space é.txt", "x")),
    { commits: 0, files: 1 },
  );
  assert.deepEqual(
    await changeBy(root, () => write("with space é.txt", "changed again")),
    { commits: 0, files: 1 },
    "a file that was untracked before",
  );
  assert.deepEqual(
    await changeBy(root, () => Deno.removeSync(`${root}/with space é.txt`)),
    { commits: 0, files: 1 },
    "a file that is gone",
  );
  assert.deepEqual(
    await changeBy(root, async () => {
      await git("mv", "a.txt", "b.txt");
      write("c.txt", "c");
      await git("add", ".");
      await git("commit", "-qm", "second");
    }),
    { commits: 1, files: 2 },
    "a renamed file is one; the folder that is ignored is so in commits too",
  );
});

Deno.test("a rename that is staged is read as one record", async () => {
  using dir = temporaryFolder();
  const { git, write } = await repository(dir.path);
  write("old name", "some content that is long enough to be found again\n".repeat(5));
  await git("add", ".");
  await git("commit", "-qm", "first");
  await git("mv", "old name", "new name");
  write("other", "x");
  const state = await treeState(dir.path);
  assert.deepEqual([...state?.changed.keys() ?? []].sort(), ["new name", "other"]);
});

Deno.test("a folder that git does not know has no state", async () => {
  using dir = temporaryFolder();
  assert.equal(await treeState(dir.path), undefined);
  assert.equal(await treeState(`${dir.path}/gone`), undefined);
});
