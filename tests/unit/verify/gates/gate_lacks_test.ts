/** What red gates are told to lack, by what shells and runtimes print. */
import assert from "node:assert/strict";
import { gateLacks } from "../../../../src/verify/gates/gate_lacks.ts";
import type { GateResult } from "../../../../src/verify/gates/gates.ts";

const WITHHELD = ["DATABASE_URL", "URL"];

function red(run: string | readonly string[], more: Partial<GateResult>): GateResult {
  const gate = { name: "g", run: typeof run === "string" ? { shell: run } : { args: run } };
  return { gate, passed: false, why: "why", output: "", durationMs: 1, ...more };
}

const CASES: readonly [string, GateResult, readonly (readonly [RegExp, boolean])[]][] = [
  ["its own red", red(["npm", "test"], { exitCode: 1, output: "1 failed" }), []],
  ["one that passes", red("x $DATABASE_URL", { passed: true, exitCode: 0 }), []],
  ["no such program", red(["nope"], { notStarted: true }), [[/^why$/, true]]],
  ["a script that is yet to be made", red(["./check.sh"], { notStarted: true }), [[/why/, false]]],
  [
    "a program that a shell does not find (dash)",
    red("nope --all && true", { exitCode: 127, output: "/bin/sh: 1: nope: not found" }),
    [[/^there is no program `nope`$/, true]],
  ],
  [
    "the same (bash)",
    red("(nope)", { exitCode: 127, output: "sh: line 1: nope: command not found" }),
    [[/^there is no program `nope`$/, true]],
  ],
  [
    "a script that a shell does not find",
    red("./check.sh", { exitCode: 127, output: "sh: 1: ./check.sh: not found" }),
    [[/check\.sh/, false]],
  ],
  [
    "what npm install brings",
    red(["npm", "test"], { exitCode: 127, output: "> vitest\n\nsh: 1: vitest: not found" }),
    [[/^there is no program `vitest`$/, false]],
  ],
  ["126 without a word", red("./x", { exitCode: 126 }), [[/^why$/, false]]],
  [
    "a dependency",
    red(["node", "t.js"], { exitCode: 1, output: "Error: Cannot find module 'zod'\n  at x" }),
    [[/not to be installed: `Error: Cannot find module 'zod'`$/, false]],
  ],
  [
    "a service, and the variable that names it",
    red('test -n "$DATABASE_URL"', { exitCode: 1, output: "Error: connect ECONNREFUSED ::1:5432" }),
    [
      [/^a service seems not to run: `Error: connect ECONNREFUSED ::1:5432`$/, false],
      [/^`DATABASE_URL` is set in your shell and not handed to gates: add it to gateEnv$/, true],
    ],
  ],
  [
    "a variable that it reads, and red for another reason",
    red('db "${DATABASE_URL:-local}"', { exitCode: 1, output: "1 failed" }),
    [[/^`DATABASE_URL` is set/, false]],
  ],
  [
    "a variable that the output only names",
    red(["npm", "test"], { exitCode: 1, output: "expected DATABASE_URL to be parsed\n1 missing" }),
    [[/^`DATABASE_URL` is set/, false]],
  ],
  [
    "a word that is a variable too",
    red(["npm", "test"], { exitCode: 1, output: "URL is missing" }),
    [[/^`URL` is set/, false]],
  ],
  [
    "a variable that only the output asks for",
    red(["npm", "test"], { exitCode: 1, output: "DATABASE_URL is required\x1b" }),
    [[/^`DATABASE_URL` is set/, true]],
  ],
];

for (const [name, result, lacks] of CASES) {
  Deno.test(`a red gate: ${name}`, () => {
    const found = gateLacks(result, WITHHELD);
    assert.deepEqual(found.map(({ fatal }) => fatal), lacks.map(([, fatal]) => fatal));
    for (const [index, [words]] of lacks.entries()) assert.match(found[index].text, words);
  });
}
