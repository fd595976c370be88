/** What is read of a repository without git is what git says. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { headOf } from "../../../../src/host/git/git_folder.ts";
import { repositoryState, stateAt } from "../../../../src/host/git/repository.ts";
import { makeProject } from "../../../support/project.ts";

Deno.test("the branch and what is under way are those that git names, wherever they can be read", async () => {
  await using project = await makeProject({ files: { "a.txt": "1" } });
  const { root, git } = project;
  const steps: [name: string, readable: boolean, act: () => Promise<unknown>][] = [
    ["a branch", true, () => Promise.resolve()],
    ["one with a folder in its name", true, () => git("switch", "-qc", "feat/a-b")],
    ["a commit and no branch", true, () => git("switch", "-q", "--detach")],
    ["a branch without commits", true, () => git("switch", "-q", "--orphan", "new")],
    ["a ref that is no branch", false, () => git("symbolic-ref", "HEAD", "refs/other/x")],
    ["back", true, () => git("symbolic-ref", "HEAD", "refs/heads/feat/a-b")],
    ["a merge under way", true, async () => {
      const head = (await git("rev-parse", "HEAD")).trim();
      await Deno.writeTextFile(join(root, ".git/MERGE_HEAD"), `${head}\n`);
    }],
  ];
  for (const [name, readable, act] of steps) {
    await act();
    const head = headOf(root);
    assert.equal(head !== undefined, readable, name);
    if (head) assert.deepEqual(stateAt(head), await repositoryState(root, systemClock), name);
  }
});

Deno.test("of a further work tree, a submodule and a folder only git can say it", async () => {
  await using project = await makeProject({ files: { "a.txt": "1" } });
  await using other = await makeProject({ files: { "b.txt": "1" } });
  const { root, git } = project;
  await git("worktree", "add", "-q", "../tree");
  await git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other.root, "sub");
  for (const place of ["../tree", "sub", "nothing"]) {
    assert.equal(headOf(join(root, place)), undefined, place);
  }
});
