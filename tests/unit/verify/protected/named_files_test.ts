import assert from "node:assert/strict";
import type { Gate } from "../../../../src/task/gate.ts";
import { namedFiles } from "../../../../src/verify/protected/named_files.ts";

/** What the gates name in a project of these files. */
function named(gates: readonly (string | readonly string[])[], files: Record<string, string> = {}) {
  const found = namedFiles(
    gates.map((gate): Gate => ({
      name: "gate",
      run: typeof gate === "string" ? { shell: gate } : { args: gate },
    })),
    { root: "/p", has: (file) => Object.hasOwn(files, file), text: (file) => files[file] },
  );
  return {
    files: [...found.files].sort(),
    work: [...found.work].sort(),
    absent: [...found.absent].sort(),
    entries: Object.fromEntries(
      [...found.entries].map(([file, { names }]) => [file, [...names].sort()]),
    ),
  };
}

const inProject = (...files: string[]) => Object.fromEntries(files.map((file) => [file, ""]));
const filesNamed = (gate: string | readonly string[], ...files: string[]) =>
  named([gate], inProject(...files)).files;

Deno.test("scripts, tests and settings that a command names are protected", () => {
  const cases: [string | string[], string[]][] = [
    [["./check.sh"], ["check.sh"]],
    [["sh", "check.sh", "--all"], ["check.sh"]],
    [["/p/scripts/check"], ["scripts/check"]],
    [["deno", "test", "-A", "tests/a_test.ts"], ["tests/a_test.ts"]],
    [["pytest", "tests/test_a.py::test_one"], ["tests/test_a.py"]],
    [["rspec", "spec/a_spec.rb:12"], ["spec/a_spec.rb"]],
    [["jest", "--config=jest.json"], ["jest.json"]],
    [["eslint", "-c", "strict.js", "src/a.js"], ["strict.js"]],
    [["bash", "-ec", "cd sub && ./ci.sh"], ["sub/ci.sh"]],
    ["cd sub; ./ci.sh", ["sub/ci.sh"]],
    ["cd /p/sub && ./ci.sh", ["sub/ci.sh"]],
    ["CI=1 timeout 60 node verify.mjs | tee log.txt", ["verify.mjs"]],
    ['test "$(./runChecks.js)" = 3', ["runChecks.js"]],
    ["{ . ./env.sh; } && ./check 'a b.txt'", ["check", "env.sh"]],
    ["diff out.txt expected.txt", ["expected.txt"]],
    ["./check.sh < tests/in.txt > result.txt 2> errors.txt # notes.txt", [
      "check.sh",
      "tests/in.txt",
    ]],
    [["npx", "jest", "basic.js"], ["basic.js"]],
    [["uv", "run", "pytest", "basic.py"], ["basic.py"]],
    [["python", "-m", "pytest", "basic.py"], ["basic.py"]],
    [["node", "--test", "basic.js"], ["basic.js"]],
    [["deno", "run", "-A", "npm:jest@29.7.0", "basic.js"], ["basic.js"]],
    [["make", "-f", "build.mk", "main.o"], ["build.mk"]],
    [["just", "--justfile=recipes", "basic.js"], ["recipes"]],
    [["behave", "features/login.feature"], ["features/login.feature"]],
    [["./gradlew", "verifyAll"], ["gradlew"]],
    [["python", "manage.py", "test"], ["manage.py"]],
    [["sh", "src/check.sh"], ["src/check.sh"]],
    [["CartTest.java"], ["CartTest.java"]],
  ];
  const all = [
    ...new Set(cases.flatMap(([, files]) => files)),
    "README.md",
    "src/a.js",
    "result.txt",
  ];
  for (const [gate, wanted] of cases) {
    assert.deepEqual(filesNamed(gate, ...all, "errors.txt", "notes.txt"), wanted, String(gate));
  }
});

Deno.test("a program that a gate merely runs is the work, and what it is given", () => {
  const cases: [string | string[], string[]][] = [
    [["node", "app.js", "--selftest"], ["app.js"]],
    [["node", "calc.js", "--check", "--config", "input.json"], ["calc.js", "input.json"]],
    [["python", "main.py"], ["main.py"]],
    [["deno", "run", "-A", "--check", "main.ts"], ["main.ts"]],
    [["./bin/tool", "--config=input.json"], ["bin/tool", "input.json"]],
    ["CI=1 timeout 9s ./bin/tool < input.json | grep -q 3", ["bin/tool", "input.json"]],
    ['test "$(node app.js)" = 3', ["app.js"]],
    ["if node app.js; then true; fi", ["app.js"]],
    [["bash", "-c", "cd sub && node calc.js"], ["sub/calc.js"]],
    ["npx esbuild src/main.ts --bundle", ["src/main.ts"]],
    [["vite", "build", "-c", "vite.config.js"], ["vite.config.js"]],
    [["node", "src/check.ts"], ["src/check.ts"]],
    [["deno", "test", "mod.ts"], ["mod.ts"]],
    [["pytest", "--doctest-modules", "src/latest.py"], ["src/latest.py"]],
    ["sh greet.sh | grep -q hello", ["greet.sh"]],
    [["npm", "start"], ["app.js"]],
    [["npm", "run", "build"], ["scripts/build.mjs"]],
    [["make", "run"], ["main.py"]],
    [["make", "run", "out.txt"], ["main.py", "out.txt"]],
  ];
  const files = {
    ...inProject(...cases.flatMap(([, work]) => work)),
    "package.json": JSON.stringify({
      scripts: { start: "node app.js", build: "node scripts/build.mjs" },
    }),
    Makefile: "run:\n\tpython main.py\n",
  };
  for (const [gate, work] of cases) {
    const found = named([gate], files);
    assert.deepEqual(found.work, work, String(gate));
    assert.deepEqual(found.files, gate[0] === "make" ? ["Makefile"] : [], String(gate));
  }
  const both = named([["node", "app.js"], ["node", "--test", "basic.js"], "node basic.js"], {
    "app.js": "",
    "basic.js": "",
  });
  assert.deepEqual([both.files, both.work], [["basic.js"], ["app.js"]]);
});

Deno.test("a shell script that runs checks is one, whatever it is called", () => {
  const isCheck = (text: string, gate = "./all") => named([gate], { all: text }).files.length === 1;
  for (
    const line of [
      "deno test -A",
      "if ! npm run lint; then exit 1; fi",
      "set -e; CI=1 uv run python -m pytest",
      "./tests/all.py",
      "make check",
      "node --test",
    ]
  ) {
    assert(isCheck(`#!/bin/sh\n${line}\n`), line);
    assert(isCheck(line, "sh all"), line);
    assert(!isCheck(`#!/usr/bin/env node\n${line}\n`), line);
  }
  for (
    const line of [
      "node app.js --selftest",
      "test -d tests && mkdir -p tests/check",
      'echo "test" > tests.txt',
      'check() { [ -n "$1" ]; }\ncheck it',
      'case "$1" in test) echo;; esac',
      "cat <<EOF\n  tool test  runs the tests\nEOF\nnode app.js",
    ]
  ) assert(!isCheck(`#!/bin/sh\n${line}\n`), line);
});

Deno.test("what a command only looks at or compiles is the work", () => {
  const gates = [
    ["grep", "-q", "done", "README.md"],
    ["deno", "check", "main.ts"],
    ["node", "--check", "main.js"],
    ["go", "vet", "main.go"],
    ["tsc", "--noEmit", "main.ts"],
    "[ -f main.ts ] && cat README.md | wc -l",
    "timeout 9s gcc -o main main.c && jq . data.json",
    "$TOOL main.c",
  ];
  const files = ["README.md", "main.ts", "main.js", "main.go", "main.c", "data.json", "main"];
  for (const gate of gates) assert.deepEqual(filesNamed(gate, ...files), [], String(gate));
});

Deno.test("what is outside the project, or not there, is nobody's", () => {
  for (
    const gate of [
      ["/usr/bin/true"],
      ["~/bin/check"],
      ["../check.sh"],
      ["./none.sh"],
      "cd .. && ./a",
    ]
  ) {
    assert.deepEqual(filesNamed(gate, "a", "usr/bin/true", "bin/check", "check.sh"), []);
  }
});

Deno.test("the scripts of package.json: the one that is run, what it runs, before and after", () => {
  const text = JSON.stringify({
    scripts: {
      test: "npm run lint && run-s 'unit:*' && node scripts/check.js",
      lint: "eslint src/main.js",
      "unit:a": "vitest",
      pretest: "bash before.sh",
      start: "node src/main.js",
    },
  });
  const files = {
    "package.json": text,
    "scripts/check.js": "",
    "before.sh": "",
    "src/main.js": "",
  };
  for (
    const gate of [
      ["npm", "test"],
      ["npm", "t"],
      "pnpm -s run test",
      "yarn test --ci",
      "bun run test",
    ]
  ) {
    assert.deepEqual(named([gate], files), {
      files: ["scripts/check.js"],
      work: ["before.sh"],
      absent: [],
      entries: {
        "package.json": [
          ...["lint", "postlint", "postpretest", "posttest", "postunit:a"],
          ...["prelint", "prepretest", "pretest", "preunit:a", "test", "unit:a"],
        ],
      },
    }, String(gate));
  }
  const inFolder = { "web/package.json": text, "web/before.sh": "", "package.json": text };
  for (const gate of ["cd web && npm test", ["npm", "--prefix", "web", "test"]]) {
    assert.deepEqual(named([gate], inFolder).work, ["web/before.sh"], String(gate));
    assert.deepEqual(Object.keys(named([gate], inFolder).entries), ["web/package.json"]);
  }
});

Deno.test("the tasks of deno.json, with comments, dependencies and a comma too many", () => {
  const text = `{ // tasks
    "tasks": {
      "test": { "command": "deno test -A tests/a_test.ts", "dependencies": ["check"] },
      "check": "sh \\"check it.sh\\"", /* the end */
      "dev": "deno run main.ts",
    },
  }`;
  const files = { "deno.jsonc": text, "check it.sh": "", "main.ts": "", "tests/a_test.ts": "" };
  assert.deepEqual(named([["deno", "task", "test"]], files), {
    files: ["check it.sh", "tests/a_test.ts"],
    work: [],
    absent: [],
    entries: { "deno.jsonc": ["check", "test"] },
  });
  assert.deepEqual(named([["deno", "test"]], files).entries, {}, "test is not a task here");
});

Deno.test("a Makefile with what the target runs, and those that make would take first", () => {
  const makefile = [
    "include config.mk",
    "X := 1",
    "all: main",
    "main: main.c",
    "\t$(CC) -o main main.c",
    "test: main lint \\",
    "  unit",
    "\t@./run-tests.sh",
    "lint:",
    "\t-bash scripts/lint.sh",
    "run: main",
    "\tnode server.js",
  ].join("\n");
  const files = Object.fromEntries(
    ["config.mk", "main.c", "run-tests.sh", "scripts/lint.sh", "server.js"].map((
      name,
    ) => [name, ""]),
  );
  assert.deepEqual(named([["make", "-s", "test"]], { ...files, Makefile: makefile }), {
    files: ["Makefile", "config.mk", "run-tests.sh", "scripts/lint.sh"],
    work: [],
    absent: ["GNUmakefile", "makefile"],
    entries: {},
  });
  assert.deepEqual(named(["make"], { ...files, Makefile: makefile }).files, [
    "Makefile",
    "config.mk",
  ]);
  assert.deepEqual(named([["just", "t"]], { justfile: "t:\n  ./ci.sh\n", "ci.sh": "" }).files, [
    "ci.sh",
    "justfile",
  ]);
});

Deno.test("scripts that run each other end", () => {
  const text = JSON.stringify({
    scripts: { a: "npm run b", b: "npm run a", c: 7, "__proto__x": "x" },
  });
  const { entries } = named([["npm", "run", "a"]], { "package.json": text });
  assert.deepEqual(entries["package.json"], ["a", "b", "posta", "postb", "prea", "preb"]);
  assert.deepEqual(named([["npm", "test"]], { "package.json": "{ broken" }).entries, {});
  assert.deepEqual(named([["make", "a"]], { Makefile: "a: b\n\tx\nb: a\n\ty\n" }).files, [
    "Makefile",
  ]);
});
