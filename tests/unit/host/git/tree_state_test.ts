import assert from "node:assert/strict";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { changesSince } from "../../../../src/host/git/changes_since.ts";
import { withoutLocalFilters } from "../../../../src/host/git/local_filters.ts";
import { treeChange, treeState } from "../../../../src/host/git/tree_state.ts";
import { uncommittedIn } from "../../../../src/host/git/worktrees.ts";
import { parseTree, serializeTree } from "../../../../src/loop/session/tree_snapshot.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { ownPlaces } from "../../../../src/task/task_files.ts";

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
  const before = await treeState(root, { clock });
  await work();
  const after = await treeState(root, { clock, known: before });
  assert(before && after);
  const between = {
    clock,
    before: parseTree(serializeTree(before), "the tree"),
    after,
    ignore: ["tasks/t"],
  };
  const change = await treeChange(root, between);
  assert(change);
  return change;
}

Deno.test("commits and changed files are told, the task's own folder is not", async () => {
  using dir = temporaryFolder();
  const root = dir.path;
  const { git, write } = await repository(root);
  assert.equal((await treeState(root, { clock }))?.head, undefined, "before the first commit");

  assert.deepEqual(
    await changeBy(root, async () => {
      write("a.txt", "a");
      await git("add", ".");
      await git("commit", "-qm", "first");
    }),
    { commits: 1, workCommits: 1, elsewhere: 0, files: ["a.txt"] },
  );
  const { head, branch } = await treeState(root, { clock }) ?? {};
  assert.deepEqual([head, branch], [await git("rev-parse", "HEAD"), "main"]);
  const none = { commits: 0, workCommits: 0, elsewhere: 0, files: [] };
  assert.deepEqual(await changeBy(root, () => {}), none);

  Deno.mkdirSync(`${root}/tasks/t`, { recursive: true });
  assert.deepEqual(await changeBy(root, () => write("tasks/t/progress.txt", "x")), none);
  assert.deepEqual(
    await changeBy(root, async () => {
      await git("add", ".");
      await git("commit", "-qm", "the task alone");
    }),
    { commits: 1, workCommits: 0, elsewhere: 0, files: [] },
  );
  for (const text of ["x", "changed again"]) {
    const change = await changeBy(root, () => write("with space é.txt", text));
    assert.deepEqual(change, { ...none, files: ["with space é.txt"] });
  }
  assert.deepEqual(
    await changeBy(root, () => Deno.removeSync(`${root}/with space é.txt`)),
    { ...none, files: ["with space é.txt"] },
    "a file that is gone",
  );
  assert.deepEqual(
    (await changeBy(root, async () => {
      await git("mv", "a.txt", "b.txt");
      write("c.txt", "c");
      await git("add", ".");
      await git("commit", "-qm", "second");
    })).files.toSorted(),
    ["a.txt", "b.txt", "c.txt"],
  );
});

Deno.test("commits that were there before are no change, wherever they come from", async () => {
  using dir = temporaryFolder();
  const root = `${dir.path}/here`;
  const there = `${dir.path}/there`;
  Deno.mkdirSync(root);
  const { git, write } = await repository(root);
  const commit = async (name: string, date?: string) => {
    write(name, name);
    await git("add", ".");
    const dates = date ? ["env", `GIT_COMMITTER_DATE=${date}`] : ["env"];
    const [program, ...args] = [...dates, "git", "-C", root, "-c", "user.name=t"];
    const more = ["-c", "user.email=t@localhost", "commit", "-qm", name];
    assert((await new Deno.Command(program, { args: [...args, ...more] }).output()).success);
  };
  await commit("first");
  await git("clone", "-q", "--bare", ".", there);
  await git("remote", "add", "origin", there);
  await git("switch", "-qc", "colleague");
  await commit("theirs");
  await commit("fetched", "2020-01-01T00:00:00Z");
  await git("push", "-q", there, "colleague:feature");
  await git("reset", "-q", "--hard", "HEAD~");
  await git("switch", "-q", "main");

  const started = await git("rev-parse", "HEAD");
  const none = { commits: 0, workCommits: 0, elsewhere: 0, files: [] };
  const merged = { ...none, commits: 1 };
  const table: [() => Promise<unknown>, unknown][] = [
    [() => git("merge", "-q", "--ff-only", "colleague"), { ...none, takenIn: 1 }],
    [() => git("merge", "-q", "--no-ff", "--no-edit", "colleague"), { ...merged, takenIn: 1 }],
    [() => git("pull", "-q", "--ff-only", "origin", "feature"), { ...none, takenIn: 2 }],
    [async () => {
      await git("merge", "-q", "--ff-only", "colleague");
      await commit("own");
    }, { commits: 1, workCommits: 1, takenIn: 1, elsewhere: 0, files: ["own"] }],
    // What is sent to a remote and comes back from there is still its own.
    [async () => {
      await commit("sent");
      await git("push", "-q", "origin", "main:sent");
      await git("fetch", "-q");
    }, { commits: 1, workCommits: 1, elsewhere: 0, files: ["sent"] }],
  ];
  for (const [work, expected] of table) {
    await git("reset", "-q", "--hard", started);
    const refs = await git("for-each-ref", "--format=%(refname)", "refs/remotes");
    for (const ref of refs.split("\n").filter(Boolean)) await git("update-ref", "-d", ref);
    assert.deepEqual(await changeBy(root, work), expected, `${work}`);
  }
});

Deno.test("what counts is content: neither times nor commits make a change", async () => {
  using dir = temporaryFolder();
  const root = dir.path;
  const { git, write } = await repository(root);
  write("a.txt", "a");
  await git("add", ".");
  await git("commit", "-qm", "first");
  write("a.txt", "dirty");
  write('"quoted"\n.txt', "odd");
  const files = async (work: () => Promise<unknown> | void) => (await changeBy(root, work)).files;

  assert.deepEqual(await files(() => Deno.utimeSync(`${root}/a.txt`, 1, 1)), [], "touched");
  assert.deepEqual(
    await files(async () => {
      await git("add", ".");
      await git("commit", "-qm", "what was there before");
    }),
    [],
    "committed as it was",
  );
  assert.deepEqual(
    await files(() => {
      write("a.txt", "x");
      write("a.txt", "dirty");
    }),
    [],
    "changed and changed back",
  );
  assert.deepEqual(
    await files(async () => {
      await git("switch", "-qc", "side");
      write("b.txt", "b");
      await git("add", ".");
      await git("commit", "-qm", "elsewhere");
      await git("switch", "-q", "main");
    }),
    [],
    "work on another branch",
  );
  assert.deepEqual(
    await files(async () => {
      write("b.txt", "b");
      await git("stash", "-q", "--include-untracked");
    }),
    [],
    "work in a stash",
  );
  assert.deepEqual(await files(() => Deno.chmodSync(`${root}/a.txt`, 0o755)), ["a.txt"]);
  assert.deepEqual(await files(() => write('"quoted"\n.txt', "even")), ['"quoted"\n.txt']);
  assert.deepEqual(
    await files(async () => {
      await git("reset", "-q", "--hard", "HEAD~1");
    }),
    ['"quoted"\n.txt', "a.txt"],
    "a commit that was taken back",
  );
});

Deno.test("links and staged renames are in the state, other repositories are not", async () => {
  using dir = temporaryFolder();
  const { git, write } = await repository(dir.path);
  write("old name", "some content that is long enough to be found again\n".repeat(5));
  await git("add", ".");
  await git("commit", "-qm", "first");
  await git("mv", "old name", "new name");
  Deno.symlinkSync("nowhere", `${dir.path}/link`);
  await git("init", "-q", `${dir.path}/inner`);
  const state = await treeState(dir.path, { clock });
  assert.deepEqual(
    [...state?.changed ?? []].map(([file, { now }]) => [file, now.slice(0, 6)]).sort(),
    [["link", "120000"], ["new name", "100644"], ["old name", "gone"]],
  );
});

Deno.test("between two repositories git cannot say what changed", async () => {
  using dir = temporaryFolder();
  const root = dir.path;
  const { git, write } = await repository(root);
  write("a.txt", "a");
  await git("add", ".");
  await git("commit", "-qm", "first");
  const before = await treeState(root, { clock });
  Deno.removeSync(`${root}/.git`, { recursive: true });
  await repository(root);
  const after = await treeState(root, { clock });
  assert(before && after);
  const there = { ...before, head: "1".repeat(40) };
  assert.equal(await treeChange(root, { clock, before, after, ignore: [] }), undefined);
  assert.equal(await treeChange(root, { clock, before: there, after, ignore: [] }), undefined);
});

Deno.test("a folder that git does not know has no state", async () => {
  using dir = temporaryFolder();
  assert.equal(await treeState(dir.path, { clock }), undefined);
  assert.equal(await treeState(`${dir.path}/gone`, { clock }), undefined);
});

Deno.test("a task's folder outside of the tree, behind a link, leaves nothing out", async () => {
  using dir = temporaryFolder();
  const root = dir.path;
  const { git, write } = await repository(root);
  write("a.txt", "a");
  await git("add", ".");
  await git("commit", "-qm", "first");
  const before = await treeState(root, { clock });
  write("a.txt", "b");
  await git("commit", "-qam", "second");
  const after = await treeState(root, { clock });
  assert(before && after);
  const task = { name: "t", dir: `${root}/../shared/tasks/t`, projectRoot: root };
  const ignore = ownPlaces(task);
  assert.deepEqual(await treeChange(root, { clock, before, after, ignore }), {
    commits: 1,
    workCommits: 1,
    elsewhere: 0,
    files: ["a.txt"],
  });
});

Deno.test("looking runs no filter of the repository's own, but those of the user and of known tools", async () => {
  using dir = temporaryFolder();
  const { git, write } = await repository(dir.path);
  await git("config", "core.autocrlf", "input");
  write("a.txt", "a\n");
  write(".gitattributes", "*.txt filter=e=1\n");
  await git("add", ".");
  await git("commit", "-qm", "a");
  write("filter.sh", `#!/bin/sh\necho ran >> '${dir.path}/.git/ran'\ncat\n`);
  await Deno.chmod(`${dir.path}/filter.sh`, 0o755);
  await git("config", "filter.e=1.clean", `${dir.path}/filter.sh`);
  await git("config", "filter.e=1.required", "true");
  const seen = await changeBy(dir.path, () => {
    write("a.txt", "a\r\n"); // the same to git, which converts it all the same
    write("b.txt", "b\n");
  });
  assert.deepEqual(seen.files, ["b.txt"]);
  assert.equal(await Deno.stat(`${dir.path}/.git/ran`).catch(() => undefined), undefined);
  const settings = await withoutLocalFilters(dir.path, { clock });
  assert.deepEqual(settings.map(([name]) => name), [
    "filter.e=1.clean",
    "filter.e=1.process",
    "filter.e=1.required",
  ]);
  await git("config", "filter.e=1.clean", "git-lfs clean -- %f");
  assert.deepEqual(await withoutLocalFilters(dir.path, { clock }), []);
});

Deno.test("looking runs nothing that the configuration of a submodule names, nor of one in it", async () => {
  using dir = temporaryFolder();
  const ran = `${dir.path}/ran`;
  write("program.sh", `#!/bin/sh\necho "$1" >> '${ran}'\ncat\n`);
  await Deno.chmod(`${dir.path}/program.sh`, 0o755);
  const made = async (name: string, inner?: string) => {
    await Deno.mkdir(`${dir.path}/${name}`);
    const { git } = await repository(`${dir.path}/${name}`);
    write(`${name}/a.txt`, "a\n");
    write(`${name}/.gitattributes`, "*.txt filter=f\n");
    const add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
    if (inner) await git(...add, `${dir.path}/${inner}`, "inner");
    await git("add", ".");
    await git("commit", "-qm", "a");
    return git;
  };
  await made("deepest");
  await made("middle", "deepest");
  const git = await made("project", "middle");
  await git(
    ...["-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init"],
    "--recursive",
  );
  const root = `${dir.path}/project`;
  for (const folder of ["inner", "inner/inner"]) {
    await git("-C", folder, "config", "filter.f.clean", `${dir.path}/program.sh clean`);
    await git("-C", folder, "config", "core.fsmonitor", `${dir.path}/program.sh`);
    write(`project/${folder}/a.txt`, "b\n");
  }
  const head = await git("rev-parse", "HEAD");

  const state = await treeState(root, { clock });
  assert.equal(state?.changed.get("inner")?.submodule?.dirty, true);
  const patches = await changesSince(root, { clock, since: head, ignore: [] });
  assert.deepEqual(patches?.map(({ path }) => path), ["inner"]);
  assert.deepEqual(await uncommittedIn(root, { clock }), ["inner"]);
  assert.equal(await Deno.stat(ran).catch(() => undefined), undefined);

  // What stands there instead of it, and leads back into the tree, is none.
  await Deno.rename(`${root}/inner`, `${dir.path}/was`);
  await Deno.symlink(".", `${root}/inner`);
  assert.deepEqual(await withoutLocalFilters(root, { clock }), []);

  function write(name: string, text: string): void {
    Deno.writeTextFileSync(`${dir.path}/${name}`, text);
  }
});

Deno.test("a filter of the repository's own is seen wherever its settings are", async () => {
  const settings = '[filter "e"]\n\tclean = cat\n';
  const cases: Readonly<Record<string, (root: string) => Promise<void>>> = {
    "in its file, in other letters": (root) =>
      Deno.writeTextFile(`${root}/.git/config`, '[FILTER "e"]\n\tClean = cat\n', { append: true }),
    "in a file that is taken in": async (root) => {
      await Deno.writeTextFile(`${root}/.git/more`, settings);
      await Deno.writeTextFile(`${root}/.git/config`, "[Include]\n\tpath = more\n", {
        append: true,
      });
    },
    "in that of this work tree": async (root) => {
      await Deno.writeTextFile(`${root}/.git/config.worktree`, settings);
      await Deno.writeTextFile(
        `${root}/.git/config`,
        "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tworktreeConfig = true\n",
        { append: true },
      );
    },
    "where its files are elsewhere": async (root) => {
      await Deno.mkdir(`${root}/elsewhere`);
      for (const name of ["objects", "refs", "config"]) {
        await Deno.rename(`${root}/.git/${name}`, `${root}/elsewhere/${name}`);
      }
      await Deno.writeTextFile(`${root}/.git/commondir`, "../elsewhere\n");
      await Deno.writeTextFile(`${root}/elsewhere/config`, settings, { append: true });
    },
    "where `.git` is a link": async (root) => {
      await Deno.rename(`${root}/.git`, `${root}/linked`);
      await Deno.symlink("linked", `${root}/.git`);
      await Deno.writeTextFile(`${root}/linked/config`, settings, { append: true });
    },
  };
  for (const [name, place] of Object.entries(cases)) {
    using dir = temporaryFolder();
    await repository(dir.path);
    assert.deepEqual(await withoutLocalFilters(dir.path, { clock }), [], name);
    await place(dir.path);
    const found = await withoutLocalFilters(dir.path, { clock });
    assert.equal(found[0]?.[0], "filter.e.clean", name);
  }
});
