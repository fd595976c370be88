import assert from "node:assert/strict";
import * as path from "node:path";
import { RalphError } from "../../../../src/error.ts";
import { systemClock as clock } from "../../../../src/host/system/clock.ts";
import { copyWorkTree, removeTree } from "../../../../src/host/git/scratch_tree.ts";
import { listWorkTree } from "../../../../src/host/git/work_tree.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { makeProject } from "../../../support/project.ts";

/** A copy of `root`, and what a shell line prints in it. */
async function copyOf(root: string) {
  const folder = temporaryFolder("ralph-copy-");
  const target = path.join(folder.path, "copy");
  await copyWorkTree(root, { clock, target });
  return {
    target,
    sh: (command: string) => sh(target, command),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

async function sh(cwd: string, command: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", `(${command}) 2>&1`],
    cwd,
    env: { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
  }).output();
  return new TextDecoder().decode(new Uint8Array([...stdout, ...stderr])).trim();
}

/**
 * Everything in a folder, the repository included. Of what git shares it sets the time whenever it
 * would write the same again.
 */
const everything = (folder: string) =>
  sh(
    folder,
    "find . -printf '%p %y %l %m %T@\\n' | sed -E '/(objects|sharedindex)/s/[0-9.]+$//' | sort; " +
      "find . -type f -print0 | sort -z | xargs -0 sha256sum",
  );

const COMMIT = "git -c user.name=t -c user.email=t@localhost commit -qm";

Deno.test("git works in the copy as in the project, and writes nothing to it", async () => {
  await using project = await makeProject({
    files: { ".gitignore": "build/\n", "a.txt": "a\n", "b/c.txt": "c\n", "gone.txt": "" },
    name: 'a "project" 100%',
  });
  const { root } = project;
  await project.git("tag", "v1");
  await project.git("branch", "other");
  await project.write("a.txt", "changed\n");
  await project.write("staged.txt", "s\n");
  await project.git("add", "staged.txt");
  await project.write("untracked ü.txt", "u\n");
  await Deno.remove(`${root}/gone.txt`);
  const questions = [
    "git status --porcelain=v2 --branch",
    "git diff",
    "git diff-files --name-status",
    "git diff --cached --name-only",
    "git ls-files -s",
    "git log --oneline --all --decorate",
    "git describe --tags",
    "git branch --list",
    "git stash list",
    "git config user.name",
    "git check-ignore build",
    "git rev-parse --git-dir --is-inside-work-tree --abbrev-ref HEAD",
    "git fsck --no-progress",
  ];
  const answers = await Promise.all(questions.map((question) => sh(root, question)));
  const before = await everything(root);
  using copy = await copyOf(root);
  for (const [i, question] of questions.entries()) {
    assert.equal(await copy.sh(question), answers[i], question);
  }
  assert.equal(await copy.sh("git rev-parse --show-toplevel"), copy.target);
  assert.equal(
    await copy.sh(
      `git add -A && ${COMMIT} work && git gc -q --prune=now && git reset -q --hard v1 &&
      git clean -fdx && git branch -D other && git push . HEAD:refs/heads/new && git log --oneline | wc -l`,
    )
      .then((text) => text.split("\n").at(-1)),
    "1",
  );
  assert.equal(await everything(root), before);
});

Deno.test("modes and times are kept, links lead where they should", async () => {
  await using project = await makeProject({
    files: { "run.sh": "#!/bin/sh\n", "d/file": "", "d/e/f": "" },
  });
  const { root } = project;
  await Deno.chmod(`${root}/run.sh`, 0o755);
  await Deno.utime(`${root}/run.sh`, 1_000_000, 1_234_567);
  await Deno.symlink("../d/file", `${root}/d/inside`);
  await Deno.symlink(`${root}/d/file`, `${root}/absolute`);
  await Deno.symlink("../../elsewhere", `${root}/outside`);
  await Deno.symlink("nowhere", `${root}/dangling`);
  await Deno.symlink("d", `${root}/folder`);
  using copy = await copyOf(root);
  const { mode, mtime } = await Deno.stat(`${copy.target}/run.sh`);
  assert.equal((mode ?? 0) & 0o777, 0o755);
  assert.equal(mtime?.getTime(), 1_234_567_000);
  const links = Object.fromEntries(
    ["d/inside", "absolute", "outside", "dangling", "folder"].map((name) => [
      name,
      Deno.readLinkSync(`${copy.target}/${name}`),
    ]),
  );
  assert.deepEqual(links, {
    "d/inside": "../d/file",
    absolute: `${copy.target}/d/file`,
    outside: path.resolve(root, "../../elsewhere"),
    dangling: "nowhere",
    folder: "d",
  });
});

Deno.test("ignored folders are linked, ignored files copied, and what Python compiled is left out", async () => {
  await using project = await makeProject({
    files: {
      ".gitignore": "node_modules\nbuild/\n.env\n__pycache__\n*.o\nlocal/\n",
      "src/a.py": "",
    },
  });
  const { root } = project;
  await project.write("node_modules/x/index.js", "x");
  await project.write("packages/p/node_modules/y/index.js", "y");
  await project.write("packages/p/index.js", "");
  await project.write("all/ignored/node_modules/index.js", "z");
  await project.write("build/out.txt", "built");
  await project.write(".env", "SECRET=1");
  await project.write("src/a.o", "o");
  await project.write("src/__pycache__/a.pyc", "");
  await project.write("local/tracked.txt", "t");
  await project.git("add", "-f", "local/tracked.txt");
  await project.write("local/untracked.txt", "u");
  using copy = await copyOf(root);
  assert.equal(Deno.readLinkSync(`${copy.target}/node_modules`), `${root}/node_modules`);
  assert.equal(
    Deno.readLinkSync(`${copy.target}/packages/p/node_modules`),
    `${root}/packages/p/node_modules`,
  );
  assert.equal(await copy.sh("cat all/ignored/node_modules/index.js"), "z");
  assert.equal(await copy.sh("cat build/out.txt .env src/a.o local/*"), "builtSECRET=1otu");
  assert(Deno.lstatSync(`${copy.target}/.env`).isFile);
  assert.equal(await copy.sh("ls src"), "a.o\na.py");
  // a link is no folder, as `build/` asks for one
  assert.equal(await copy.sh("git status --porcelain"), await sh(root, "git status --porcelain"));
});

Deno.test("node_modules that is a link itself leads to the same place", async () => {
  await using project = await makeProject({
    files: { ".gitignore": "node_modules/\n" },
    name: "p",
  });
  await Deno.mkdir(`${project.root}/../shared`);
  await Deno.writeTextFile(`${project.root}/../shared/x`, "shared");
  await Deno.symlink("../shared", `${project.root}/node_modules`);
  using copy = await copyOf(project.root);
  assert.equal(await copy.sh("cat node_modules/x"), "shared");
});

Deno.test("submodules and repositories inside the project are copied with theirs", async () => {
  await using library = await makeProject({ files: { "lib.txt": "lib", "bin/check": "" } });
  await using project = await makeProject({ files: { "a.txt": "a" } });
  const { root } = project;
  await project.git(
    "-c",
    "protocol.file.allow=always",
    "submodule",
    "--quiet",
    "add",
    library.root,
    "sub dir",
  );
  await project.git("commit", "-qm", "submodule");
  await project.write("sub dir/new.txt", "n");
  await sh(root, "git init -q inner && echo i > inner/i.txt");
  assert.deepEqual([...(await listWorkTree(root, { clock })).files].sort(), [
    ...[".gitmodules", "a.txt", "inner/i.txt"],
    ...["sub dir/bin/check", "sub dir/lib.txt", "sub dir/new.txt"],
  ]);
  const questions = [
    "git status --short",
    "git submodule status",
    "git -C 'sub dir' status --short",
    "git -C 'sub dir' log --oneline",
    "git -C inner status --short",
  ];
  const answers = await Promise.all(questions.map((question) => sh(root, question)));
  const before = await everything(root);
  using copy = await copyOf(root);
  for (const [i, question] of questions.entries()) {
    assert.equal(await copy.sh(question), answers[i], question);
  }
  assert.equal(
    await copy.sh("git -C 'sub dir' rev-parse --show-toplevel"),
    `${copy.target}/sub dir`,
  );
  await copy.sh(`cd 'sub dir' && git add -A && ${COMMIT} x`);
  assert.equal(await everything(root), before);

  await project.git("submodule", "--quiet", "deinit", "-f", "sub dir");
  using without = await copyOf(root);
  assert.equal(await without.sh("ls 'sub dir'; git status --short"), "?? inner/");
});

Deno.test("repositories of other shapes: no commits, worktree, detached, split index, shallow, sha256", async (t) => {
  using dir = temporaryFolder();
  const make = (name: string, commands: string) =>
    sh(dir.path, `mkdir ${name} && cd ${name} && ${commands}`).then((said) => {
      assert.equal(said, "");
      return path.join(dir.path, name);
    });
  const one = `echo a > a.txt && git add . && ${COMMIT} one`;
  const shapes: Record<string, string> = {
    "no commits": await make(
      "none",
      "git init -q -b main && echo a > a.txt && git add a.txt && echo b > b",
    ),
    worktree: await make(
      "main",
      `git init -q -b main && ${one} && git config extensions.worktreeConfig true &&
        git worktree add -q -b side ../side && echo x > ../side/x.txt && cd ../side &&
        git config --worktree core.abbrev 12`,
    ).then((main) => path.join(main, "../side")),
    detached: await make("detached", `git init -q && ${one} && git checkout -q --detach`),
    "split index": await make("split", `git init -q && ${one} && git update-index --split-index`),
    shallow: await make("deep", `git init -q && ${one} && echo b > a.txt && ${COMMIT} two -a`).then(
      async (deep) => {
        assert.equal(await sh(dir.path, `git clone -q --depth 1 'file://${deep}' shallow`), "");
        return path.join(dir.path, "shallow");
      },
    ),
    sha256: await make("sha256", `git init -q --object-format=sha256 && ${one}`),
    sparse: await make(
      "sparse",
      `git init -q && mkdir in out && echo i > in/i && echo o > out/o && ${one} && git sparse-checkout set in`,
    ),
  };
  for (const [shape, root] of Object.entries(shapes)) {
    await t.step(shape, async () => {
      const question = "git status --short --branch; git log --oneline; git ls-files -s; git fsck";
      const answer = await sh(root, question);
      const before = await everything(root);
      using copy = await copyOf(root);
      assert.equal(await copy.sh(question), answer);
      await copy.sh(`echo more >> a.txt && git add . && ${COMMIT} more`);
      assert.match(await copy.sh("git log -1 --format=%s"), /^more$/);
      assert.equal(await everything(root), before);
    });
  }
});

Deno.test("too much to copy, and a stop in between, are errors", async () => {
  await using project = await makeProject({ files: { a: "a", b: "b", c: "c" } });
  using folder = temporaryFolder();
  const limits = { files: 100, bytes: 100, spareBytes: 0 };
  const copy = (changed: Partial<typeof limits>, signal?: AbortSignal) =>
    copyWorkTree(project.root, {
      clock,
      target: `${folder.path}/copy`,
      limits: { ...limits, ...changed },
      signal,
    });
  const refused = (words: RegExp) => (error: unknown) =>
    error instanceof RalphError && error.kind === "failed" && words.test(error.message);
  await assert.rejects(copy({ files: 2 }), refused(/it has 3 files, and at most 2 are copied/));
  await assert.rejects(copy({ bytes: 2 }), refused(/its files have/));
  await assert.rejects(copy({ spareBytes: 2 ** 60 }), refused(/GiB free at/));
  await assert.rejects(copy({}, AbortSignal.abort(new Error("stopped"))), /stopped/);
  assert.deepEqual([...Deno.readDirSync(`${folder.path}/copy`)], []);
  await copy({});
  await removeTree(`${folder.path}/copy`);
  await removeTree(`${folder.path}/copy`);
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});
