import assert from "node:assert/strict";
import { join } from "node:path";
import { RalphError } from "../../../src/error.ts";
import { systemTree } from "../../../src/host/files/system_tree.ts";
import { findProjectRoot, findTask, listTasks } from "../../../src/task/find.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { makeProject } from "../../support/project.ts";

const tree = systemTree;

Deno.test("on disk: a task is found from every folder, and git agrees on its root", async () => {
  await using project = await makeProject({
    name: "a project %20",
    files: { "tasks/login/prd.md": "", "src/deep/a.ts": "" },
  });
  for (const folder of [".", "src", "src/deep", "tasks", "tasks/login"]) {
    const task = findTask("login", { cwd: join(project.root, folder), tree });
    assert.equal(task.dir, join(project.root, "tasks/login"));
    assert.equal(task.projectRoot, await project.git("rev-parse", "--show-toplevel"));
    assert.equal(task.prdPath, join(project.root, "tasks/login/prd.md"));
  }
});

Deno.test("on disk: a worktree is a project of its own", async () => {
  await using project = await makeProject({ files: { "tasks/login/prd.md": "" } });
  const worktree = join(project.root, "../worktree");
  await project.git("worktree", "add", "--quiet", worktree);
  const task = findTask("login", { cwd: join(worktree, "tasks"), tree });
  assert.equal(task.projectRoot, worktree);
  assert.equal(task.dir, join(worktree, "tasks/login"));
});

Deno.test("on disk: links are followed to the real folder", async () => {
  await using project = await makeProject({ files: { "shared/login/prd.md": "", "tasks/x": "" } });
  await Deno.symlink("../shared/login", join(project.root, "tasks/alias"));
  await Deno.symlink("gone", join(project.root, "tasks/broken"));
  await Deno.symlink(project.root, join(project.root, "../link"));
  const task = findTask("alias", { cwd: join(project.root, "../link/tasks"), tree });
  assert.equal(task.dir, join(project.root, "shared/login"));
  assert.deepEqual(listTasks(project.root, tree), [task]);
  assert.throws(() => findTask("broken", { cwd: project.root, tree }), RalphError);
});

Deno.test("on disk: an empty .git is passed over, as git does", async () => {
  await using project = await makeProject({ files: { "inner/a.ts": "" } });
  await Deno.mkdir(join(project.root, "inner/.git"));
  assert.equal(findProjectRoot(join(project.root, "inner"), tree), project.root);
});

Deno.test("on disk: what cannot be read is not there", () => {
  using folder = temporaryFolder();
  const long = join(folder.path, "x".repeat(10_000));
  for (const path of [join(folder.path, "gone"), long, `${folder.path}/a\0b`]) {
    assert.equal(tree.realPath(path), undefined);
    assert.equal(tree.kind(path), undefined);
    assert.deepEqual(tree.list(path), []);
  }
  assert.equal(tree.kind("/dev/null"), undefined);
  assert.throws(() => findTask(long, { cwd: folder.path, tree }), RalphError);
});
