import assert from "node:assert/strict";
import {
  plainOutput,
  speaksOfFailure,
  usefulEnd,
} from "../../../../src/verify/gates/gate_output.ts";
import { GENEROUS_MS } from "../../../support/wait.ts";

const lines = (count: number, text: (number: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index + 1));

Deno.test("plain output: escapes, progress bars, tabs and what nobody sees", () => {
  const cases: readonly [output: string, shown: string][] = [
    ["", ""],
    ["\n\n", ""],
    ["\x1b[1;31mred\x1b[0m \x1b[38;2;1;2;3mx\x1b[K", "red x"],
    ["\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x1b(Bb\x1b7\x1bM", "alink b"],
    ["10%\r20%\r100%\r\nnext", "100%\nnext"],
    ["done\r", "done"],
    ["\ta\tb  ", "    a    b"],
    ["a\0b\x08c\u202ed\x1b", "a\\x00b\\x08c\\u202ed\\x1b"],
    ["a\n\nb", "a\n\nb"],
  ];
  for (const [output, shown] of cases) assert.equal(plainOutput(output), shown);
});

const FAILURES = [
  "error: Module not found",
  "TS2322 [ERROR]: Type 'string' is not assignable",
  "src/a.ts:3:5: error TS2304: Cannot find name 'x'.",
  "error[E0308]: mismatched types",
  "adds ... FAILED (3ms)",
  "FAILED | 3 passed | 1 failed (12ms)",
  "test result: FAILED. 3 passed; 1 failed; 0 ignored",
  "--- FAIL: TestAdd (0.00s)",
  "FAIL src/add.test.js",
  "  ● adds › two numbers",
  "  ✕ adds (3 ms)",
  "not ok 5 - adds",
  "AssertionError: 3 !== 4",
  "java.lang.NullPointerException: x",
  "Traceback (most recent call last):",
  "E       assert 3 == 4",
  "panic: runtime error: index out of range",
  "thread 'main' panicked at src/main.rs:2:5:",
  "make: *** [Makefile:3: test] Error 1",
  "fatal: not a git repository",
  "sh: 1: tsc: not found",
  "ld: undefined reference to `main'",
  "✖ 3 problems (3 errors, 0 warnings)",
];
const NO_FAILURES = [
  "",
  "Check file:///p/src/error.ts",
  "src/errors/mod.ts",
  "fail-fast: true",
  "handles an error ... ok (2ms)",
  "test parse::fails_without_name ... ok",
  "ok 5 - reports an error",
  "  ✓ fails when empty (2 ms)",
  "✔ fails when empty (2ms)",
  "PASS src/error.test.js",
  "--- PASS: TestError (0.00s)",
  "tests/test_error.py::test_error PASSED [ 50%]",
  "ok | 5 passed | 0 failed (12ms)",
  "test result: ok. 5 passed; 0 failed; 0 ignored",
  "Found 0 errors.",
  "found no errors",
];

Deno.test("lines that speak of failure are told from those that do not", () => {
  assert.deepEqual(FAILURES.filter((line) => !speaksOfFailure(line)), []);
  assert.deepEqual(NO_FAILURES.filter(speaksOfFailure), []);
});

Deno.test("a short output goes into the prompt as it is", () => {
  assert.equal(usefulEnd(""), "");
  const output = lines(60, (n) => `line ${n}`).join("\n");
  assert.equal(usefulEnd(output), output);
});

Deno.test("of a long output the first failure, the other failures and the end are kept", () => {
  const output = [
    ...lines(1000, (n) => `ok ${n}`),
    "in src/add.ts",
    "error: 3 is not 4",
    ...lines(100, (n) => `    at frame ${n}`),
    "error: the second",
    "  its detail",
    ...lines(500, (n) => `ok ${n + 1000}`),
    "FAILED | 1500 passed | 2 failed",
  ];
  const shown = usefulEnd(output.join("\n")).split("\n");
  const kept = shown.filter((line) => !line.startsWith("…"));
  assert.equal(kept.length, 60);
  assert.deepEqual(shown.slice(0, 6), [
    "… lines left out: 999 …",
    "ok 1000",
    "in src/add.ts",
    "error: 3 is not 4",
    "    at frame 1",
    "    at frame 2",
  ]);
  const second = shown.indexOf("error: the second");
  // 60 less the 14 of the first failure, these 2 and the last line.
  const rest = 43;
  assert.deepEqual(shown.slice(second - 1, second + 4), [
    "… lines left out: 89 …",
    "error: the second",
    "  its detail",
    `… lines left out: ${500 - rest} …`,
    `ok ${1500 - rest + 1}`,
  ]);
  assert.equal(shown.at(-1), "FAILED | 1500 passed | 2 failed");
});

Deno.test("without a line that speaks of failure the end is kept", () => {
  const shown = usefulEnd(lines(100, (n) => `line ${n}`).join("\n")).split("\n");
  assert.deepEqual(shown, [
    "… lines left out: 40 …",
    ...lines(60, (n) => `line ${n + 40}`),
  ]);
});

Deno.test("long lines are cut in the middle, and all of it fits 6,000 characters", () => {
  const output = lines(200, (n) => `error ${n} ${"x".repeat(10_000)} end ${n}`).join("\n");
  const shown = usefulEnd(output).split("\n").filter((line) => !line.startsWith("…"));
  const characters = shown.join("\n").length;
  assert(characters <= 6000 && characters > 5000, `${characters}`);
  assert.match(shown[0], /^error 1 x+ … x+ end 1$/);
  assert.match(shown.at(-1) ?? "", /^error 200 x+ … x+ end 200$/);
});

Deno.test("the prompt's part of 250,000 characters is made in no time", () => {
  const begun = performance.now();
  usefulEnd(lines(40_000, (n) => n % 2 ? "error" : "fine").join("\n"));
  for (const part of ["a", "ok (", "1s", "\x1b]", "0 errors "]) {
    usefulEnd(plainOutput(part.repeat(250_000 / part.length)));
  }
  assert(performance.now() - begun < GENEROUS_MS);
});
