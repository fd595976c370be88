import assert from "node:assert/strict";
import * as path from "node:path";
import { RalphError } from "../../../../src/error.ts";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { projectFiles } from "../../../../src/host/files/project_files.ts";
import type { Gate } from "../../../../src/task/gate.ts";
import {
  changedProtectedFiles,
  keepProtectedFiles,
  withRestoredTree,
} from "../../../../src/verify/protected/protected_files.ts";
import { takeCensus } from "../../../../src/verify/census/census.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { indexIn } from "../../../support/kept_index.ts";
import { makeProject, type Project } from "../../../support/project.ts";

const tools = projectFiles(systemClock);

const gate = (...args: string[]): Gate => ({ name: args.join(" "), run: { args } });
const line = (shell: string): Gate => ({ name: shell, run: { shell } });

/** A project with its protected files as they are at the session's start. */
async function protectedProject(
  options: {
    files: Readonly<Record<string, string>>;
    gates?: readonly Gate[];
    protect?: readonly string[];
    before?: (project: Project) => unknown;
  },
) {
  const { files, gates = [], protect = [], before } = options;
  const project = await makeProject({ files, name: "my project" });
  const state = temporaryFolder("ralph-protected-");
  await before?.(project);
  const order = {
    root: project.root,
    folder: path.join(state.path, "protected"),
    session: "1",
    index: indexIn(path.join(state.path, "protected")),
    gates,
    protect,
    agentFiles: ["tasks/t/prd.json"],
  };
  const kept = await keepProtectedFiles(order, tools);
  return {
    project,
    order,
    kept,
    words: () => changedProtectedFiles(kept, tools).map(({ words }) => words),
    /** Runs a shell line in the restored tree: its exit code and what it prints. */
    sh: (command: string) =>
      withRestoredTree(kept, { tools }, async (cwd) => {
        for (;;) {
          const { code, stdout, stderr } = await new Deno.Command("sh", {
            args: ["-c", command],
            cwd,
            env: { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
          }).output();
          const text = new TextDecoder().decode(new Uint8Array([...stdout, ...stderr]));
          // A program that another test's thread is starting has the script open still (fork(2)).
          if (!text.includes("Text file busy")) return { code, output: text.trim() };
        }
      }),
    async [Symbol.asyncDispose]() {
      await project[Symbol.asyncDispose]();
      state[Symbol.dispose]();
    },
  };
}

/**
 * All that is in a folder: names, kinds, contents and times, so that nothing can change unseen. Of an object
 * that git shares it sets the time whenever it would write the same again.
 */
async function everything(folder: string): Promise<string> {
  const { stdout } = await new Deno.Command("sh", {
    args: [
      "-c",
      "find . -printf '%p %y %l %m %T@\\n' | sed -E '/\\.git\\/objects/s/[0-9.]+$//' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum",
    ],
    cwd: folder,
  }).output();
  return new TextDecoder().decode(stdout);
}

const CHECK = "#!/bin/sh\ngrep -q good work.txt\n";
const checkGates = [gate("./scripts/check.sh")];
const checkFiles = { "scripts/check.sh": CHECK, "work.txt": "bad", "scripts/other.txt": "x" };
const makeExecutable = (project: Project) =>
  Deno.chmod(path.join(project.root, "scripts/check.sh"), 0o755);

Deno.test("a gate's script is run as it was, whatever is done to it", async (t) => {
  const cases: [string, string, (root: string) => void][] = [
    [
      "edited",
      "`scripts/check.sh` was changed",
      (root) => Deno.writeTextFileSync(`${root}/scripts/check.sh`, "#!/bin/sh\nexit 0\n"),
    ],
    [
      "deleted",
      "`scripts/check.sh` was deleted",
      (root) => Deno.removeSync(`${root}/scripts/check.sh`),
    ],
    ["replaced by a link", "`scripts/check.sh` is a link now", (root) => {
      Deno.removeSync(`${root}/scripts/check.sh`);
      Deno.symlinkSync("/usr/bin/true", `${root}/scripts/check.sh`);
    }],
    [
      "replaced by a folder",
      "`scripts/check.sh` is not a file any more, or cannot be read",
      (root) => {
        Deno.removeSync(`${root}/scripts/check.sh`);
        Deno.mkdirSync(`${root}/scripts/check.sh`);
        Deno.writeTextFileSync(`${root}/scripts/check.sh/a`, "");
      },
    ],
    [
      "made unexecutable",
      "`scripts/check.sh` is not executable any more",
      (root) => Deno.chmodSync(`${root}/scripts/check.sh`, 0o644),
    ],
    [
      "in a folder that was renamed",
      "`scripts/check.sh` was deleted",
      (root) => Deno.renameSync(`${root}/scripts`, `${root}/tools`),
    ],
    ["in a folder that is a link now", "`scripts/check.sh` was changed", (root) => {
      Deno.renameSync(`${root}/scripts`, `${root}/tools`);
      Deno.writeTextFileSync(`${root}/tools/check.sh`, "#!/bin/sh\nexit 0\n");
      Deno.symlinkSync("tools", `${root}/scripts`);
    }],
    ["in a folder that is a file now", "`scripts/check.sh` was deleted", (root) => {
      Deno.removeSync(`${root}/scripts`, { recursive: true });
      Deno.writeTextFileSync(`${root}/scripts`, "");
    }],
  ];
  for (const [name, words, change] of cases) {
    await t.step(name, async () => {
      await using it = await protectedProject({
        files: checkFiles,
        gates: checkGates,
        before: makeExecutable,
      });
      assert.deepEqual(it.words(), []);
      assert.equal((await it.sh("./scripts/check.sh")).code, 1);
      change(it.project.root);
      assert.deepEqual(it.words(), [words]);
      const before = await everything(it.project.root);
      assert.equal((await it.sh("./scripts/check.sh")).code, 1, "the work is bad still");
      assert.equal(await everything(it.project.root), before, "nothing of the project is touched");
      await it.project.write("work.txt", "good");
      assert.deepEqual(await it.sh("./scripts/check.sh"), { code: 0, output: "" });
      assert.deepEqual([...Deno.readDirSync(it.order.folder)].map(({ name }) => name).sort(), [
        "files",
        "kept.json",
      ]);
    });
  }
});

Deno.test("git finds all committed in the restored tree, where it is so as delivered", async () => {
  const STATUS = "git status --porcelain; git diff --exit-code HEAD && git log --format=%s";
  for (const isCommitted of [true, false]) {
    await using it = await protectedProject({
      files: { ...checkFiles, ".gitignore": "deps/\n", "check.sh": CHECK },
      gates: [...checkGates, gate("sh", "check.sh")],
      protect: ["scripts/new.sh"],
    });
    const { project } = it;
    await project.write("deps/index.js", "ignored");
    await project.write("scripts/check.sh", "true");
    await project.write("scripts/new.sh", "true");
    await Deno.remove(path.join(project.root, "check.sh"));
    await project.git("add", "--all");
    await project.git("commit", "--quiet", "-m", "feat: work");
    await project.git("config", "commit.gpgsign", "true");
    await project.git("config", "gpg.program", "/nonexistent/gpg");
    if (!isCommitted) await project.write("work.txt", "better");
    const { output } = await it.sh(STATUS);
    if (isCommitted) assert.equal(output, "feat: work\nchore: start");
    else assert.match(output, /^M work.txt\n/);
    assert.equal((await it.sh("cat scripts/check.sh check.sh")).output, (CHECK + CHECK).trim());
    assert.equal((await it.sh("test -e scripts/new.sh")).code, 1);
    assert.equal(await project.git("log", "-1", "--format=%s"), "feat: work");
  }
});

Deno.test("of package.json only the script that is run is put back", async () => {
  const manifest = (test: string, more = {}) =>
    JSON.stringify({ name: "x", scripts: { test, start: "a" }, ...more }, null, 2) + "\n";
  await using it = await protectedProject({
    files: { "package.json": manifest("node --test"), "check.sh": "" },
    gates: [line("npm test && sh check.sh")],
  });
  assert.deepEqual(
    it.kept.files.map(({ path, only }) => [path, only && Object.keys(only.entries)]),
    [
      ["package.json", ["test", "pretest", "posttest"]],
      ["check.sh", undefined],
      ["ralph.json", undefined],
    ],
  );
  await it.project.write(
    "package.json",
    JSON.stringify({
      ...JSON.parse(manifest("true", { dependencies: { a: "1" } })),
      scripts: { test: "true", start: "b", pretest: "rm -rf tests", lint: "c" },
    }),
  );
  assert.deepEqual(it.words(), [
    "`test` in `package.json` was changed",
    "`pretest` in `package.json` was added",
  ]);
  assert.deepEqual(JSON.parse((await it.sh("cat package.json")).output), {
    name: "x",
    scripts: { start: "b", lint: "c", test: "node --test" },
    dependencies: { a: "1" },
  });
  await it.project.write("package.json", manifest("node --test", { dependencies: { a: "1" } }));
  assert.deepEqual(it.words(), [], "other parts of the file are the agent's");
  await it.project.write("package.json", "{ broken");
  assert.deepEqual(it.words(), ["`package.json` cannot be read any more"]);
  assert.equal((await it.sh("cat package.json")).output, manifest("node --test").trim());
});

Deno.test("a link to what never ends is not read", async () => {
  const text = JSON.stringify({ scripts: { test: "node --test" } });
  await using it = await protectedProject({
    files: { "package.json": text },
    gates: [gate("npm", "test")],
  });
  await Deno.remove(`${it.project.root}/package.json`);
  await Deno.symlink("/dev/zero", `${it.project.root}/package.json`);
  await Deno.symlink("/dev/zero", `${it.project.root}/a_test.ts`);
  assert.deepEqual(it.words(), ["`package.json` cannot be read any more"]);
  assert.equal((await it.sh("cat package.json")).output, text);
  assert.deepEqual((await takeCensus(it.project.root, { tools }))["a_test.ts"].tests, []);
});

Deno.test("a Makefile is protected, and one that make would take first", async () => {
  await using it = await protectedProject({
    files: { Makefile: "test:\n\tfalse\n" },
    gates: [gate("make", "test")],
  });
  await it.project.write("GNUmakefile", "test:\n\ttrue\n");
  assert.deepEqual(it.words(), ["`GNUmakefile` was added"]);
  assert.equal((await it.sh("ls")).output, "Makefile");
});

Deno.test("protect: globs, exceptions, names that are not there, ralph.json", async () => {
  await using it = await protectedProject({
    files: {
      "tests/a_test.ts": "a",
      "tests/data/x.bin": "",
      "src/b.snap": "b",
      "main.js": "",
      "tasks/t/prd.json": "{}",
      "ralph.json": "{}",
    },
    protect: ["tests/**", "**/*.snap", "!tests/data/**", "!main.js", "conftest.py", "tasks/**"],
    gates: [gate("node", "main.js")],
    before: async (project) => {
      await Deno.writeFile(`${project.root}/tests/raw.bin`, new Uint8Array([0, 255, 254, 10]));
      await project.write('tests/odd \n"ü name', "odd");
    },
  });
  const { root } = it.project;
  for (
    const file of [
      "tests/a_test.ts",
      "tests/data/x.bin",
      "src/b.snap",
      "main.js",
      "tasks/t/prd.json",
    ]
  ) {
    await it.project.write(file, "other");
  }
  await it.project.write("tests/new_test.ts", "new");
  await it.project.write("conftest.py", "skip everything");
  await it.project.write("ralph.json", "{ }");
  await Deno.writeFile(`${root}/tests/raw.bin`, new Uint8Array([0, 255, 253, 10]));
  await Deno.remove(`${root}/tests/odd \n\"ü name`);
  assert.deepEqual(it.words().sort(), [
    "`conftest.py` was added",
    "`ralph.json` was changed",
    "`src/b.snap` was changed",
    "`tests/a_test.ts` was changed",
    '`tests/odd \\n"ü name` was deleted',
    "`tests/raw.bin` was changed",
  ]);
  const { output } = await it.sh(
    "od -An -tx1 tests/raw.bin; cat tests/odd*; ls; cat tests/new_test.ts",
  );
  assert.equal(output, "00 ff fe 0a\nodd" + "main.js\nralph.json\nsrc\ntasks\ntests\nnew");
});

Deno.test("a link that a gate names is kept with what it leads to", async () => {
  await using it = await protectedProject({
    files: { "real/check.sh": "exit 1" },
    gates: [gate("sh", "check")],
    before: (project) => Deno.symlink(`${project.root}/real/check.sh`, `${project.root}/check`),
  });
  await it.project.write("real/check.sh", "exit 0");
  assert.deepEqual(it.words(), ["`real/check.sh` was changed"]);
  assert.equal((await it.sh("sh check")).code, 1, "an absolute link leads into the copy");
  await Deno.remove(`${it.project.root}/check`);
  await Deno.symlink("/dev/null", `${it.project.root}/check`);
  assert.deepEqual(it.words(), ["`check` leads to another place", "`real/check.sh` was changed"]);
  assert.equal((await it.sh("sh check")).code, 1);
});

Deno.test("a continued session keeps what it had; another session begins anew", async () => {
  await using it = await protectedProject({
    files: { "check.sh": "exit 1", "more-checks.sh": "exit 2" },
    gates: [gate("sh", "check.sh")],
  });
  await it.project.write("check.sh", "exit 0");
  const again = await keepProtectedFiles(it.order, tools);
  assert.equal(changedProtectedFiles(again, tools).length, 1);

  const gates = [...it.order.gates, gate("sh", "more-checks.sh")];
  const more = await keepProtectedFiles({ ...it.order, gates }, tools);
  await it.project.write("more-checks.sh", "exit 0");
  assert.deepEqual(changedProtectedFiles(more, tools).map(({ path }) => path), [
    "check.sh",
    "more-checks.sh",
  ]);
  assert.equal(
    await withRestoredTree(more, { tools }, (root) => Deno.readTextFile(`${root}/more-checks.sh`)),
    "exit 2",
  );

  const next = await keepProtectedFiles({ ...it.order, gates, session: "2" }, tools);
  assert.deepEqual(changedProtectedFiles(next, tools), []);
});

Deno.test("what was kept and cannot be read is refused, and never kept anew", async () => {
  await using it = await protectedProject({
    files: { "check.sh": "exit 1", "package.json": '{"scripts": {"test": "x"}}' },
    gates: [gate("sh", "check.sh"), gate("npm", "test")],
  });
  const { root, folder } = it.order;
  const file = `${folder}/kept.json`;
  const whole = await Deno.readTextFile(file);
  await it.project.write("check.sh", "exit 0");
  const kept = JSON.parse(whole);
  const damaged = [
    whole.slice(0, whole.length / 2),
    "",
    "null",
    "[]",
    "{}",
    JSON.stringify({ ...kept, version: 2 }),
    JSON.stringify({ ...kept, files: [{ path: "check.sh" }] }),
    JSON.stringify({ ...kept, files: [{ ...kept.files[0], content: "../kept.json" }] }),
    whole.replace('"test":"\\"x\\""', '"test":"\\"x"'),
  ];
  const refused = (error: unknown) => {
    assert(error instanceof RalphError, `${error}`);
    assert.equal(error.kind, "state");
    assert(error.message.startsWith(`cannot read which files are protected, in ${file}: `));
    assert.equal(error.hints[0].command, `git -C '${root}' diff`);
    return true;
  };
  for (const text of damaged) {
    assert.notEqual(text, whole);
    await Deno.writeTextFile(file, text);
    await assert.rejects(keepProtectedFiles(it.order, tools), refused, text);
    assert.equal(await Deno.readTextFile(file), text, "it is left as it was");
  }
  await Deno.writeTextFile(file, whole);
  const again = await keepProtectedFiles(it.order, tools);
  assert.equal(changedProtectedFiles(again, tools).length, 1);
});

Deno.test("a change within the second, with size and time as before, is seen", async () => {
  await using it = await protectedProject({
    files: { "check.sh": "exit 1" },
    gates: [gate("sh", "check.sh")],
  });
  const file = `${it.project.root}/check.sh`;
  const { mtime, atime } = await Deno.stat(file);
  await Deno.writeTextFile(file, "exit 0");
  assert(mtime && atime);
  await Deno.utime(file, atime, mtime);
  assert.deepEqual(it.words(), ["`check.sh` was changed"]);
});

Deno.test("a copy that a crash left is removed, also one that may not be written", async () => {
  await using it = await protectedProject({ files: { "a.txt": "a" } });
  const left = `${it.order.folder}/tree/my project/deep`;
  await Deno.mkdir(left, { recursive: true });
  await Deno.writeTextFile(`${left}/b`, "");
  await Deno.symlink(it.project.root, `${left}/link`);
  await Deno.chmod(left, 0o500);
  await keepProtectedFiles(it.order, tools);
  await assert.rejects(Deno.lstat(`${it.order.folder}/tree`), Deno.errors.NotFound);
  assert.equal(await it.project.read("a.txt"), "a");
});

Deno.test("the copy is removed when the run throws or is aborted", async () => {
  await using it = await protectedProject({ files: { "a.txt": "a" } });
  await assert.rejects(
    withRestoredTree(it.kept, { tools }, () => Promise.reject(new Error("from the run"))),
    /from the run/,
  );
  const stop = new AbortController();
  stop.abort(new Error("stopped"));
  await assert.rejects(
    withRestoredTree(it.kept, { tools, signal: stop.signal }, () => assert.fail("it began")),
    /stopped/,
  );
  await assert.rejects(Deno.lstat(`${it.order.folder}/tree`), Deno.errors.NotFound);
});

Deno.test("a project whose repository is gone is an error for people", async () => {
  await using it = await protectedProject({ files: { "a.txt": "a" } });
  await Deno.remove(`${it.project.root}/.git`, { recursive: true });
  await assert.rejects(
    withRestoredTree(it.kept, { tools }, () => assert.fail("it began")),
    (error) => error instanceof RalphError && error.kind === "failed",
  );
});

Deno.test("thousands of protected files are kept, and a change to one is found", async () => {
  const names = Array.from({ length: 3_000 }, (_, i) => `tests/${i % 50}/${i}_test.ts`);
  await using it = await protectedProject({
    files: Object.fromEntries(names.map((name) => [name, name])),
    protect: ["tests/**"],
  });
  assert.equal(it.kept.files.length, names.length + 1, "and ralph.json");
  await it.project.write(names[77], "changed");
  assert.equal(it.words().length, 1);
});
