/** `ralph clean --worktrees`, with real git: what is removed, and what is not. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Home, makeHome } from "../../../reliability/home.ts";

async function ok(home: Home, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await home.ralph(...args);
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

/** What `ralph clean --worktrees` says of the only one. */
async function saidOf(home: Home, ...args: string[]) {
  const said = JSON.parse(await ok(home, "clean", "--worktrees", "--json", ...args));
  return { ...said.worktrees[0], removed: said.removed };
}

Deno.test("a worktree goes when its commits are elsewhere and nothing else is in it", async () => {
  await using home = await makeHome();
  const { project } = home;
  await ok(home, "run", "one", "--foreground", "--worktree");
  const root = join(`${project.root}.ralph`, "one");
  const commit = async (file: string) => {
    await Deno.writeTextFile(join(root, file), "text");
    await project.git("-C", root, "add", "--all");
    await project.git("-C", root, "commit", "--quiet", "-m", file);
  };
  await commit("work.txt");
  assert.match((await saidOf(home, "--yes")).stays, /^no other branch has its commits$/);
  assert.equal((await saidOf(home, "--yes")).removed, 0);

  await ok(home, "land", "one");
  await Deno.writeTextFile(join(root, "left.txt"), "text");
  assert.match((await saidOf(home, "--yes")).stays, /no commit has: `left\.txt`/);
  await Deno.remove(join(root, "left.txt"));

  assert.deepEqual(await saidOf(home, "--dry-run"), {
    task: "one",
    root,
    branch: "ralph/one",
    stays: null,
    branchToo: true,
    removed: 0,
  });
  assert.equal((await saidOf(home, "--yes")).removed, 1);
  assert.equal(
    await project.git("worktree", "list", "--porcelain").then((text) =>
      text.match(/^worktree /gm)?.length
    ),
    1,
  );
  assert.equal(await project.git("branch", "--format=%(refname:short)"), "main");
  await assert.rejects(Deno.stat(`${project.root}.ralph`));

  // Its session is still found, by the task's name, and the next worktree is a new one.
  assert.match(await ok(home, "status", "one"), /session 1/);
  await ok(home, "run", "one", "--foreground", "--worktree");
  assert.equal(JSON.parse(await ok(home, "status", "--json")).length, 1);
});

Deno.test("one that a person removed is forgotten, and its branch stays with its commits", async () => {
  await using home = await makeHome();
  const { project } = home;
  await ok(home, "run", "one", "--foreground", "--worktree");
  const root = join(`${project.root}.ralph`, "one");
  await project.git("-C", root, "commit", "--quiet", "--allow-empty", "-m", "work");
  await Deno.remove(root, { recursive: true });

  const here = await home.ralph("run", "one");
  assert.equal(here.code, 5);
  assert.match(here.stderr, /its worktree .* is gone, and its work is on the branch `ralph\/one`/);

  await ok(home, "run", "one", "--foreground", "--worktree");
  assert.equal(await project.git("-C", root, "log", "-1", "--format=%s"), "work");

  await Deno.remove(root, { recursive: true });
  assert.equal((await saidOf(home, "--yes")).removed, 1);
  assert.match(await project.git("branch", "--format=%(refname:short)"), /ralph\/one/);
  assert.doesNotMatch(await project.git("worktree", "list"), /one/);
});

Deno.test("commits of a submodule that nothing else has keep the worktree", async () => {
  await using home = await makeHome();
  const { project } = home;
  const sub = join(project.root, "../library");
  await project.git("init", "--quiet", "-b", "main", sub);
  const inSub = (at: string, ...args: string[]) =>
    project.git("-C", at, "-c", "user.name=T", "-c", "user.email=t@example.com", ...args);
  await Deno.writeTextFile(join(sub, "lib.txt"), "lib");
  await inSub(sub, "add", "--all");
  await inSub(sub, "commit", "--quiet", "-m", "lib");
  await project.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub, "lib");
  await project.git("commit", "--quiet", "-m", "feat: lib");
  await ok(home, "run", "one", "--foreground", "--worktree");
  const root = join(`${project.root}.ralph`, "one");
  assert.equal(await Deno.readTextFile(join(root, "lib/lib.txt")), "lib");
  assert.equal(await project.git("-C", join(root, "lib"), "remote", "get-url", "origin"), sub);

  await inSub(join(root, "lib"), "commit", "--quiet", "--allow-empty", "-m", "only here");
  await project.git("-C", root, "commit", "--quiet", "--all", "-m", "feat: newer lib");
  await project.git("merge", "--quiet", "ralph/one");
  assert.match((await saidOf(home, "--yes")).stays, /no other place has the commits of `lib`/);
  await inSub(join(root, "lib"), "push", "--quiet", "origin", "HEAD:refs/heads/more");
  assert.equal((await saidOf(home, "--yes")).removed, 1);
});
