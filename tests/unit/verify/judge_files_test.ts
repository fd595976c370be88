import assert from "node:assert/strict";
import * as path from "node:path";
import { RalphError } from "../../../src/error.ts";
import { systemClock } from "../../../src/host/clock.ts";
import { judgeTools } from "../../../src/host/judge_tools.ts";
import type { Gate } from "../../../src/task/gate.ts";
import {
  changedJudgeFiles,
  judgeFileNames,
  keepJudgeFiles,
  withJudgeTree,
} from "../../../src/verify/judge_files.ts";
import { takeCensus } from "../../../src/verify/test_census.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { makeProject, type Project } from "../../support/project.ts";

const tools = judgeTools(systemClock);

const gate = (...args: string[]): Gate => ({ name: args.join(" "), run: { args } });
const line = (shell: string): Gate => ({ name: shell, run: { shell } });

/** A project with its judge at the session's start. */
async function judged(
  options: {
    files: Readonly<Record<string, string>>;
    gates?: readonly Gate[];
    protect?: readonly string[];
    before?: (project: Project) => unknown;
  },
) {
  const { files, gates = [], protect = [], before } = options;
  const project = await makeProject({ files, name: "my project" });
  const state = temporaryFolder("ralph-judge-");
  await before?.(project);
  const order = {
    root: project.root,
    folder: path.join(state.path, "judge"),
    session: "1",
    gates,
    protect,
    agentFiles: ["tasks/t/prd.json"],
  };
  const judge = await keepJudgeFiles(order, tools);
  return {
    project,
    order,
    judge,
    words: () => changedJudgeFiles(judge, tools).map(({ words }) => words),
    /** Runs a shell line in the judge's tree: its exit code and what it prints. */
    sh: (command: string) =>
      withJudgeTree(judge, { tools }, async (cwd) => {
        const { code, stdout, stderr } = await new Deno.Command("sh", {
          args: ["-c", command],
          cwd,
          env: { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
        }).output();
        const text = new TextDecoder().decode(new Uint8Array([...stdout, ...stderr]));
        return { code, output: text.trim() };
      }),
    async [Symbol.asyncDispose]() {
      await project[Symbol.asyncDispose]();
      state[Symbol.dispose]();
    },
  };
}

/** All that is in a folder: names, kinds, contents and times, so that nothing can change unseen. */
async function everything(folder: string): Promise<string> {
  const { stdout } = await new Deno.Command("sh", {
    args: [
      "-c",
      "find . -printf '%p %y %l %m %T@\\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum",
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

Deno.test("a gate's script is judged by what it was, whatever is done to it", async (t) => {
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
      await using it = await judged({
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

Deno.test("of package.json only the script that is run is put back", async () => {
  const manifest = (test: string, more = {}) =>
    JSON.stringify({ name: "x", scripts: { test, start: "a" }, ...more }, null, 2) + "\n";
  await using it = await judged({
    files: { "package.json": manifest("node --test"), "check.sh": "" },
    gates: [line("npm test && sh check.sh")],
  });
  assert.deepEqual(judgeFileNames(it.judge), [
    "`test` in `package.json`",
    "`pretest` in `package.json`",
    "`posttest` in `package.json`",
    "`check.sh`",
  ]);
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
  await using it = await judged({ files: { "package.json": text }, gates: [gate("npm", "test")] });
  await Deno.remove(`${it.project.root}/package.json`);
  await Deno.symlink("/dev/zero", `${it.project.root}/package.json`);
  await Deno.symlink("/dev/zero", `${it.project.root}/a_test.ts`);
  assert.deepEqual(it.words(), ["`package.json` cannot be read any more"]);
  assert.equal((await it.sh("cat package.json")).output, text);
  assert.deepEqual((await takeCensus(it.project.root, { tools }))["a_test.ts"].tests, []);
});

Deno.test("a Makefile is the judge's, and one that make would take first", async () => {
  await using it = await judged({
    files: { Makefile: "test:\n\tfalse\n" },
    gates: [gate("make", "test")],
  });
  await it.project.write("GNUmakefile", "test:\n\ttrue\n");
  assert.deepEqual(it.words(), ["`GNUmakefile` was added"]);
  assert.equal((await it.sh("ls")).output, "Makefile");
});

Deno.test("protect: globs, exceptions, names that are not there, ralph.json", async () => {
  await using it = await judged({
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
  await using it = await judged({
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
  await using it = await judged({
    files: { "check.sh": "exit 1", "more.sh": "exit 2" },
    gates: [gate("sh", "check.sh")],
  });
  await it.project.write("check.sh", "exit 0");
  const again = await keepJudgeFiles(it.order, tools);
  assert.equal(changedJudgeFiles(again, tools).length, 1);

  const gates = [...it.order.gates, gate("sh", "more.sh")];
  const more = await keepJudgeFiles({ ...it.order, gates }, tools);
  await it.project.write("more.sh", "exit 0");
  assert.deepEqual(changedJudgeFiles(more, tools).map(({ path }) => path), ["check.sh", "more.sh"]);
  assert.equal(
    await withJudgeTree(more, { tools }, (root) => Deno.readTextFile(`${root}/more.sh`)),
    "exit 2",
  );

  const next = await keepJudgeFiles({ ...it.order, gates, session: "2" }, tools);
  assert.deepEqual(changedJudgeFiles(next, tools), []);
});

Deno.test("a change within the second, with size and time as before, is seen", async () => {
  await using it = await judged({
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
  await using it = await judged({ files: { "a.txt": "a" } });
  const left = `${it.order.folder}/tree/my project/deep`;
  await Deno.mkdir(left, { recursive: true });
  await Deno.writeTextFile(`${left}/b`, "");
  await Deno.symlink(it.project.root, `${left}/link`);
  await Deno.chmod(left, 0o500);
  await keepJudgeFiles(it.order, tools);
  await assert.rejects(Deno.lstat(`${it.order.folder}/tree`), Deno.errors.NotFound);
  assert.equal(await it.project.read("a.txt"), "a");
});

Deno.test("the copy is removed when the run throws or is aborted", async () => {
  await using it = await judged({ files: { "a.txt": "a" } });
  await assert.rejects(
    withJudgeTree(it.judge, { tools }, () => Promise.reject(new Error("from the run"))),
    /from the run/,
  );
  const stop = new AbortController();
  stop.abort(new Error("stopped"));
  await assert.rejects(
    withJudgeTree(it.judge, { tools, signal: stop.signal }, () => assert.fail("it began")),
    /stopped/,
  );
  await assert.rejects(Deno.lstat(`${it.order.folder}/tree`), Deno.errors.NotFound);
});

Deno.test("a project whose repository is gone is an error for people", async () => {
  await using it = await judged({ files: { "a.txt": "a" } });
  await Deno.remove(`${it.project.root}/.git`, { recursive: true });
  await assert.rejects(
    withJudgeTree(it.judge, { tools }, () => assert.fail("it began")),
    (error) => error instanceof RalphError && error.kind === "failed",
  );
});

Deno.test("thousands of protected files are kept, and a change to one is found", async () => {
  const names = Array.from({ length: 3_000 }, (_, i) => `tests/${i % 50}/${i}_test.ts`);
  await using it = await judged({
    files: Object.fromEntries(names.map((name) => [name, name])),
    protect: ["tests/**"],
  });
  assert.equal(judgeFileNames(it.judge).length, names.length);
  await it.project.write(names[77], "changed");
  assert.equal(it.words().length, 1);
});
