/** What git says of the work since a commit, and where it would go: with real repositories. */
import assert from "node:assert/strict";
import { workDone } from "../../../../src/host/git/work_done.ts";
import { nextOf } from "../../../../src/cli/output/ending.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { makeProject } from "../../../support/project.ts";

const clock = systemClock;

Deno.test("commits, what they change, the branch, and the base that git knows", async () => {
  await using project = await makeProject({ files: { "a.txt": "1\n" } });
  const { root } = project;
  const since = (await project.git("rev-parse", "HEAD")).trim();
  const trunk = (await project.git("symbolic-ref", "--short", "HEAD")).trim();
  await project.git("checkout", "-q", "-b", "feat/it's");
  await project.write("a.txt", "2\n");
  await project.git("commit", "-qam", "one");
  const seen = await workDone(root, { since, clock });
  assert.deepEqual(seen, {
    branch: "feat/it's",
    base: ["main", "master"].includes(trunk) ? trunk : undefined,
    commits: 1,
    changed: "1 file changed, 1 insertion(+), 1 deletion(-)",
    remote: undefined,
    unpushed: [],
  });
  await project.git("branch", "develop", since);
  await project.git("remote", "add", "origin", "https://me:secret@github.com/me/it.git");
  const wished = await workDone(root, { since, wished: "develop", clock });
  assert.deepEqual([wished.base, wished.remote], [
    "develop",
    { name: "origin", isGitHub: true },
  ]);
  await project.git("update-ref", "refs/remotes/origin/trunk", since);
  await project.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk");
  assert.equal((await workDone(root, { since, clock })).base, "origin/trunk");
  await project.git("checkout", "-q", "--detach");
  const detached = await workDone(root, { since: "--output=x", clock });
  assert.deepEqual([detached.branch, detached.commits], [undefined, undefined]);
});

Deno.test("a submodule whose commit no remote has is named, until it was pushed", async () => {
  await using library = await makeProject({ files: { "lib.txt": "1\n" } });
  await using project = await makeProject({ files: { "a.txt": "1\n" } });
  const { root, git } = project;
  await git("-c", "protocol.file.allow=always", "submodule", "add", "-q", library.root, "my lib");
  await git("commit", "-qm", "add it");
  const since = (await git("rev-parse", "HEAD")).trim();
  const inside = (...args: string[]) => git("-C", "my lib", ...args);
  const unpushed = async () => (await workDone(root, { since, clock })).unpushed;
  assert.deepEqual(await unpushed(), []);
  const author = ["-c", "user.name=A", "-c", "user.email=a@example.com"];
  await inside(...author, "commit", "-q", "--allow-empty", "-m", "only here");
  assert.deepEqual(await unpushed(), [], "no commit of the project names it");
  await git("commit", "-qam", "use it");
  assert.deepEqual(await unpushed(), ["my lib"]);
  await inside("push", "-q", "origin", "HEAD:refs/heads/more");
  assert.deepEqual(await unpushed(), []);
});

Deno.test("the next commands: to look, to push, and to ask for a merge, in words for the shell", () => {
  const at = {
    since: "a".repeat(40),
    root: "/my project",
    inside: true,
    hasGh: true,
    newBranch: "ralph/t",
  };
  const origin = { name: "origin", isGitHub: true };
  const work = { branch: "it's", base: "main", commits: 2, remote: origin, unpushed: [] };
  assert.deepEqual(nextOf(work, at), [
    `git diff 'main...it'\\''s'`,
    `git push -u origin 'it'\\''s'`,
    `gh pr create --base main --head 'it'\\''s' --fill`,
  ]);
  assert.deepEqual(nextOf({ ...work, base: "origin/trunk", branch: "b" }, at), [
    "git diff origin/trunk...b",
    "git push -u origin b",
    "gh pr create --base trunk --head b --fill",
  ]);
  assert.deepEqual(nextOf({ ...work, branch: "main" }, { ...at, inside: false }), [
    "cd '/my project'",
    "git diff aaaaaaaaaaaa HEAD",
    "git push origin main",
  ]);
  const elsewhere = { ...work, branch: "b", remote: { name: "up", isGitHub: false } };
  assert.deepEqual(nextOf(elsewhere, at), ["git diff main...b", "git push -u up b"]);
  assert.deepEqual(nextOf({ ...work, branch: "b", remote: undefined }, at), ["git diff main...b"]);
  assert.deepEqual(nextOf({ ...work, branch: "b" }, { ...at, hasGh: false }).length, 2);
  const [, push] = nextOf({ ...work, base: "b", branch: "b", unpushed: ["lib"] }, at);
  assert.equal(push, "git push --recurse-submodules=on-demand origin b");
  assert.deepEqual(nextOf({ ...work, commits: 0 }, at), []);
  assert.deepEqual(nextOf({ ...work, branch: undefined }, at), []);
  assert.deepEqual(nextOf({ ...work, branch: undefined, detachedAt: "b".repeat(40) }, at), [
    "git switch -c ralph/t bbbbbbbbbbbb",
  ]);
  assert.deepEqual(nextOf(work, { ...at, isPushable: false }), [`git diff 'main...it'\\''s'`]);
});
