import assert from "node:assert/strict";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { projectFiles } from "../../../../src/host/files/project_files.ts";
import { findProtected } from "../../../../src/verify/protected/find_protected.ts";
import { protectionLines } from "../../../../src/verify/protected/protection_words.ts";
import { makeProject, type Project } from "../../../support/project.ts";

const tools = projectFiles(systemClock);

async function look(
  { root }: Project,
  gates: readonly (readonly string[])[],
  protect: readonly string[] = [],
) {
  const { protection } = await findProtected({
    root,
    gates: gates.map((args) => ({ name: args.join(" "), run: { args } })),
    protect,
    agentFiles: ["tasks/t/prd.json"],
  }, tools);
  return protection;
}

Deno.test("what is protected, and what only looks so", async () => {
  await using project = await makeProject({
    files: {
      "app.js": "",
      "main.py": "",
      "check.sh": "",
      "ralph.json": "{}",
      "tasks/t/prd.json": "{}",
      "package.json": JSON.stringify({ scripts: { build: "node build.mjs", pretest: "x" } }),
      "build.mjs": "",
    },
  });
  const gates = [
    ["node", "app.js", "tasks/t/prd.json"],
    ["npm", "run", "build"],
    ["sh", "check.sh"],
    ["python", "main.py"],
  ];
  const plainly = await look(project, gates);
  assert.deepEqual(plainly, {
    files: [
      { path: "package.json", entries: ["build"] },
      { path: "check.sh", entries: undefined },
      { path: "ralph.json", entries: undefined },
    ],
    work: ["app.js", "main.py", "build.mjs"],
    protect: [],
    faults: [],
  });
  assert.deepEqual(protectionLines(plainly), [
    "protected, so gates must pass with them as they are now: `build` in `package.json`, `check.sh`, `ralph.json`",
    "not protected, gates only run or read it: `app.js`, `main.py`, `build.mjs`",
    'to change that, in ralph.json: "protect": ["app.js", "!check.sh"]',
  ]);

  const changed = await look(project, gates, ["build.mjs", "!app.js", "!check.sh", "main.py"]);
  assert.deepEqual(changed.files.map(({ path }) => path), [
    "package.json",
    "ralph.json",
    "build.mjs",
    "main.py",
  ]);
  assert.deepEqual([changed.work, changed.faults], [[], []]);
  assert.equal(
    protectionLines(changed).at(-1),
    'to change that, in ralph.json: "protect": ' +
      '["build.mjs", "!app.js", "!check.sh", "main.py", "!package.json"]',
  );
  assert.deepEqual(protectionLines(await look(project, [["true"]])), [], "there is nothing to say");
});

Deno.test("of many files a few are named, and names mean themselves", () => {
  const files = Array.from({ length: 8 }, (_, i) => ({ path: `tests/[${i}]\n.ts` }));
  assert.deepEqual(protectionLines({ files, work: [], protect: [], faults: [] }), [
    "protected, so gates must pass with them as they are now: `tests/[0]\\n.ts`, `tests/[1]\\n.ts`, " +
    "`tests/[2]\\n.ts`, `tests/[3]\\n.ts`, `tests/[4]\\n.ts`, `tests/[5]\\n.ts` and 2 more",
    'to change that, in ralph.json: "protect": ["!tests/\\\\[0\\\\]\\\\n.ts"]',
  ]);
});

Deno.test("giving the settings themselves to the agent is told, and so is that nothing is protected", async () => {
  await using project = await makeProject({ files: { "app.js": "", "ralph.json": "{}" } });
  const given = await look(project, [["true"]], ["!ralph.json"]);
  assert.deepEqual(given.faults, [
    "`protect` gives `ralph.json` to the agent, which may change the gates with it",
  ]);
  assert.equal(protectionLines(given)[0], "no file is protected");
  const [first] = protectionLines(await look(project, [["true"]], ["app.js", "!app.js"]));
  assert.match(first, /^protected, .*: `ralph.json`$/);
});

Deno.test("globs of `protect` that match nothing, and files that cannot be kept", async () => {
  await using project = await makeProject({
    files: { "tests/a_test.ts": "", "app.js": "", "data.bin": "", ".gitignore": "out\n.env\n" },
  });
  await project.write("out/a.txt", "");
  await project.write(".env", "");
  await Deno.remove(`${project.root}/data.bin`);
  await Deno.mkdir(`${project.root}/data.bin`);
  const nothing = "matches no file: it protects nothing (what git ignores is not looked at)";
  const { faults } = await look(project, [], [
    ...["tests/**", "a_test.ts", "/app.js", "tests", "!app.js", "data.bin", ".env", "./app.js"],
    ...["test/**", "out/**", "out", "!ap.js", "conftest.py"],
  ]);
  assert.deepEqual(faults, [
    `\`test/**\` of \`protect\` ${nothing}`,
    `\`out/**\` of \`protect\` ${nothing}`,
    `\`out\` of \`protect\` ${nothing}`,
    "`!ap.js` of `protect` matches no file: it gives nothing to the agent",
    "`conftest.py` of `protect` is not there: only that it is not made is protected, at the " +
    "project root",
    "`data.bin` cannot be read, or is no file: it is not protected",
  ]);
});

Deno.test("a script that git ignores and a gate names is protected, unless a build made it", async () => {
  const ignored = "ci/\ntest.sh\ndist/\ncheck*\n*.js\n";
  await using project = await makeProject({ files: { ".gitignore": ignored, "test_b.ts": "" } });
  const scripts = ["ci/check.sh", "test.sh", "dist/check.sh", "ci/other.sh", "check", "check.py"];
  for (const file of scripts) await project.write(file, "#!/bin/sh\n");
  await project.write("check_made", "\u007fELF");
  for (const file of ["test_a.js", "test_b.js"]) await project.write(file, "1");
  const { files } = await look(project, [
    ["./ci/check.sh"],
    ["sh", "test.sh"],
    ["dist/check.sh"],
    ["./check"],
    ["python3", "check.py"],
    ["./check_made"],
    ["node", "test_a.js"],
    ["node", "test_b.js"],
  ]);
  assert.deepEqual(files.map(({ path }) => path), [
    "ci/check.sh",
    "test.sh",
    "check",
    "check.py",
    "test_a.js",
  ]);
});
