import assert from "node:assert/strict";
import { RalphError } from "../../../../src/error.ts";
import { type BranchWish, prepareBranch } from "../../../../src/host/git/branch.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { makeProject, type Project } from "../../../support/project.ts";

const FILES = { "a.txt": "a", "tasks/t/prd.md": "# PRD" };
const prepare = (project: Project, wish: Partial<BranchWish>) =>
  prepareBranch(
    { root: project.root, taskFile: `${project.root}/tasks/t/prd.md`, own: ["tasks/t"], ...wish },
    systemClock,
  );

/** The refusal's message; its hints must be commands that name the repository, or advice. */
async function refusal(project: Project, wish: Partial<BranchWish>): Promise<string> {
  const before = await state(project);
  try {
    await prepare(project, wish);
  } catch (error) {
    assert(error instanceof RalphError);
    assert(error.hints.length > 0);
    assert.deepEqual(await state(project), before, "nothing is changed");
    return error.message;
  }
  assert.fail("it was not refused");
}

const state = (project: Project) =>
  Promise.all([
    project.git("status", "--porcelain=v2", "--branch"),
    project.git("for-each-ref"),
    project.git("stash", "list"),
  ]);

Deno.test("no branch is asked for: whatever is checked out will do, detached too", async () => {
  await using project = await makeProject({ files: FILES });
  assert.equal(await prepare(project, {}), undefined);
  await project.git("switch", "--quiet", "--detach");
  assert.equal(await prepare(project, {}), undefined);
});

Deno.test("the branch is created from the current one, and kept afterwards", async () => {
  await using project = await makeProject({ files: FILES });
  await project.write("tasks/t/prd.md", "# PRD, edited");
  await project.write("untracked.txt", "x");
  assert.match(await prepare(project, { branch: "ralph/x" }) ?? "", /created .* from `main`/);
  assert.equal(await project.git("branch", "--show-current"), "ralph/x");
  assert.equal(await project.read("tasks/t/prd.md"), "# PRD, edited", "what was there stays");
  await project.write("a.txt", "dirty");
  assert.equal(await prepare(project, { branch: "ralph/x" }), undefined, "dirty, but there");
});

Deno.test("it is created from the base that is named; an existing one is switched to", async () => {
  await using project = await makeProject({ files: FILES });
  const first = await project.git("rev-parse", "HEAD");
  await project.git("commit", "--quiet", "--allow-empty", "-m", "second");
  await prepare(project, { branch: "x", base: first });
  assert.equal(await project.git("rev-parse", "HEAD"), first);
  await project.git("switch", "--quiet", "main");
  assert.match(await prepare(project, { branch: "x" }) ?? "", /switched to/);
  assert.equal(await project.git("branch", "--show-current"), "x");
});

Deno.test("one that a single remote has is gone on with from there, and tracks it", async () => {
  await using project = await makeProject({ files: FILES });
  const { root, git } = project;
  for (const remote of ["origin", "fork"]) {
    await git("init", "--quiet", "--bare", `${root}.${remote}`);
    await git("remote", "add", remote, `${root}.${remote}`);
  }
  try {
    await git("switch", "--quiet", "-c", "ralph/x");
    await git("commit", "--quiet", "--allow-empty", "-m", "of yesterday");
    const pushed = await git("rev-parse", "HEAD");
    await git("push", "--quiet", "origin", "ralph/x", "main:x");
    await git("switch", "--quiet", "main");
    await git("branch", "--quiet", "-D", "ralph/x");
    assert.equal(
      await prepare(project, { branch: "ralph/x", base: "main" }),
      "created the branch `ralph/x` from `origin/ralph/x`, which it tracks",
    );
    assert.equal(await git("rev-parse", "HEAD"), pushed);
    assert.equal(await git("rev-parse", "--abbrev-ref", "@{u}"), "origin/ralph/x");

    await git("push", "--quiet", "fork", "ralph/x");
    await git("switch", "--quiet", "main");
    await git("branch", "--quiet", "-D", "ralph/x");
    assert.match(
      await prepare(project, { branch: "ralph/x" }) ?? "",
      /from `main`: several remotes/,
    );
  } finally {
    for (const remote of ["origin", "fork"]) {
      await Deno.remove(`${root}.${remote}`, { recursive: true });
    }
  }
});

Deno.test("what stands in the way is said, and left as it is", async () => {
  await using project = await makeProject({ files: FILES });
  await project.write("a.txt", "dirty");
  assert.match(await refusal(project, { branch: "x" }), /uncommitted changes \(a\.txt\)/);
  await project.git("restore", "a.txt");

  for (const branch of ["-x", "a..b", "a b", "refs/../x", "a\n"]) {
    assert.match(await refusal(project, { branch }), /cannot be the name of a branch/);
  }
  for (const base of ["nowhere", "--all", "HEAD:a.txt"]) {
    assert.match(await refusal(project, { branch: "x", base }), /no branch or commit/);
  }

  await project.git("branch", "side");
  await project.git("worktree", "add", "--quiet", `${project.root}/../side`, "side");
  assert.match(await refusal(project, { branch: "side" }), /it is checked out in .*\/side/);

  await project.git("branch", "main/x").catch(() => {});
  assert.match(await refusal(project, { branch: "main/x" }), /git says: /);

  await project.git("switch", "--quiet", "--orphan", "bare");
  await project.git("commit", "--quiet", "--allow-empty", "-m", "no task here");
  await project.git("switch", "--quiet", "main");
  assert.match(await refusal(project, { branch: "bare" }), /tasks\/t\/prd\.md is not there in it/);

  await project.git("branch", "overwrites");
  await project.git("switch", "--quiet", "overwrites");
  await project.write("new.txt", "theirs");
  await project.git("add", "new.txt");
  await project.git("commit", "--quiet", "-m", "new");
  await project.git("switch", "--quiet", "main");
  await project.write("new.txt", "mine");
  assert.match(await refusal(project, { branch: "overwrites" }), /git says: .*new\.txt/);

  await project.git("switch", "--quiet", "--detach");
  assert.match(await refusal(project, { branch: "x" }), /HEAD is detached/);
});

Deno.test("a repository without a commit, with a lock, in the middle of something", async () => {
  await using project = await makeProject({ files: FILES });
  await project.git("update-ref", "-d", "HEAD");
  assert.match(await refusal(project, { branch: "x" }), /has no commit yet/);
  assert.equal(await prepare(project, { branch: "main" }), undefined, "unborn, but the one");
  await project.git("commit", "--quiet", "-m", "start");

  await project.write(".git/index.lock", "");
  assert.match(await refusal(project, {}), /git's index is locked/);
  await Deno.remove(`${project.root}/.git/index.lock`);

  await project.git("switch", "--quiet", "-c", "other");
  await project.write("a.txt", "theirs");
  await project.git("commit", "--quiet", "-am", "theirs");
  await project.git("switch", "--quiet", "main");
  await project.write("a.txt", "ours");
  await project.git("commit", "--quiet", "-am", "ours");
  for (const command of ["merge", "rebase", "cherry-pick"]) {
    await assert.rejects(project.git(command, "other"));
    const what = new RegExp(`a ${command} is under way`);
    assert.match(await refusal(project, {}), what);
    assert.match(await refusal(project, { branch: "other" }), what);
    await project.git(command, "--abort");
  }
  assert.equal(await prepare(project, {}), undefined);
});

Deno.test("a lock that goes away is waited for", async () => {
  await using project = await makeProject({ files: FILES });
  await project.write(".git/index.lock", "");
  let looks = 0;
  const clock = {
    ...systemClock,
    after(ms: number, callback: () => void) {
      const isPause = ms < 1_000;
      if (isPause && ++looks === 3) Deno.removeSync(`${project.root}/.git/index.lock`);
      return systemClock.after(ms, callback);
    },
  };
  const wish = { root: project.root, taskFile: `${project.root}/tasks/t/prd.md`, own: ["tasks/t"] };
  assert.equal(await prepareBranch(wish, clock), undefined);
  assert.equal(looks, 3);
});

Deno.test("a git that takes its time, as on a busy machine, is waited for", async () => {
  await using project = await makeProject({ files: FILES });
  const hurried = {
    ...systemClock,
    after: (ms: number, callback: () => void) => systemClock.after(ms < 10_000 ? 0 : ms, callback),
  };
  const wish = {
    root: project.root,
    taskFile: `${project.root}/tasks/t/prd.md`,
    own: ["tasks/t"],
    branch: "x",
  };
  assert.match(await prepareBranch(wish, hurried) ?? "", /^created the branch/);
});

Deno.test("a repository where nobody can commit is refused", async () => {
  await using project = await makeProject({ files: FILES });
  await project.git("config", "user.name", "");
  assert.match(await refusal(project, {}), /git does not know who commits there/);
});

Deno.test("commits that are to be signed, and cannot be, are refused before anything is begun", async () => {
  for (
    const config of [
      { "gpg.program": "/nonexistent/gpg" },
      { "gpg.format": "ssh" },
      { "gpg.format": "ssh", "user.signingkey": "/nonexistent/key.pub" },
    ]
  ) {
    await using project = await makeProject({ files: FILES });
    await project.git("config", "commit.gpgsign", "true");
    for (const [name, value] of Object.entries(config)) await project.git("config", name, value);
    assert.match(
      await refusal(project, {}),
      /commits are to be signed there \(commit.gpgsign\), and cannot be$/,
      JSON.stringify(config),
    );
    await project.git("config", "commit.gpgsign", "false");
    assert.equal(await prepare(project, {}), undefined);
  }
});

Deno.test("a program that the repository itself names is not run to see whether it signs", async () => {
  for (
    const name of [
      "gpg.program",
      "gpg.openpgp.program",
      "gpg.ssh.program",
      "gpg.ssh.defaultKeyCommand",
    ]
  ) {
    await using project = await makeProject({ files: FILES });
    await project.write("sign.sh", `#!/bin/sh\ntouch ${project.root}/it-ran\nexit 1\n`);
    await Deno.chmod(`${project.root}/sign.sh`, 0o755);
    await project.git("config", "commit.gpgsign", "true");
    if (name.includes("ssh")) await project.git("config", "gpg.format", "ssh");
    await project.git("config", name, `${project.root}/sign.sh`);
    assert.equal(await prepare(project, {}), undefined);
    await assert.rejects(Deno.stat(`${project.root}/it-ran`), name);
  }
});

Deno.test("a key that may only be locked is told; one that signs is not, and leaves no trace", async () => {
  await using project = await makeProject({ files: FILES });
  await project.git("config", "commit.gpgsign", "true");
  await project.git("config", "gpg.format", "ssh");
  for (const [file, phrase] of [["locked", "a phrase"], ["open", ""]]) {
    const made = await new Deno.Command("ssh-keygen", {
      args: ["-q", "-t", "ed25519", "-N", phrase, "-f", `${project.root}/.git/${file}`],
    }).output();
    assert(made.success);
  }
  await project.git("config", "user.signingkey", `${project.root}/.git/locked`);
  assert.match(
    await prepare(project, {}) ?? "",
    /^signing a commit .* unlock the key with `git -C \S+ commit-tree -S /,
  );
  await project.git("config", "user.signingkey", `${project.root}/.git/open`);
  const before = await state(project);
  assert.equal(await prepare(project, {}), undefined);
  assert.deepEqual(await state(project), before);
});
