import assert from "node:assert/strict";
import { globMatcher, isLiteral } from "../../../src/verify/glob.ts";

Deno.test("globs match as in a .gitignore", () => {
  const cases: [string, { yes: string[]; no: string[] }][] = [
    ["tests/**", { yes: ["tests/a", "tests/.a/b c"], no: ["tests", "my/tests/a", "tests2/a"] }],
    ["tests", { yes: ["tests/a/b", "my/tests/a"], no: ["tests2"] }],
    ["tests/", { yes: ["tests/a/b", "my/tests/a"], no: ["tests2/a"] }],
    ["/tests", { yes: ["tests/a"], no: ["my/tests/a"] }],
    ["./a.sh", { yes: ["a.sh"], no: ["b/a.sh"] }],
    ["**/*.snap", { yes: ["a.snap", "b/c/ü.snap", "b/.snap"], no: ["a.snap2", "asnap"] }],
    ["*.snap", { yes: ["a.snap", "b/a.snap"], no: ["b/a.snapx"] }],
    ["a/*.ts", { yes: ["a/b.ts", "a/.ts"], no: ["a/b/c.ts"] }],
    ["a/**/b", { yes: ["a/b", "a/x/y/b"], no: ["a/xb"] }],
    ["a?.[ch]", { yes: ["ab.c", "x/ab.h"], no: ["a.c", "ab.d", "a/.c"] }],
    ["[!a].c", { yes: ["b.c"], no: ["a.c"] }],
    ["*.{ts,tsx}", { yes: ["a.ts", "a.tsx"], no: ["a.t", "a.{ts,tsx}"] }],
    ["a(b)+.c$", { yes: ["a(b)+.c$"], no: ["ab.c"] }],
    ["\\*.c", { yes: ["*.c"], no: ["a.c"] }],
    ["[a", { yes: ["[a"], no: ["a"] }],
  ];
  for (const [glob, { yes, no }] of cases) {
    const matches = globMatcher([glob]);
    for (const path of yes) assert.equal(matches(path), true, `${glob} means ${path}`);
    for (const path of no) assert.equal(matches(path), undefined, `${glob} does not mean ${path}`);
  }
});

Deno.test("of several globs the last one that matches counts, and `!` takes out", () => {
  const matches = globMatcher(["tests/**", "!tests/data/**", "tests/data/keep.txt"]);
  assert.equal(matches("tests/a.ts"), true);
  assert.equal(matches("tests/data/a.txt"), false);
  assert.equal(matches("tests/data/keep.txt"), true);
  assert.equal(matches("src/a.ts"), undefined);
  assert.equal(globMatcher([])("a"), undefined);
});

Deno.test("a glob that would be slow as an expression is not", () => {
  const matches = globMatcher([`${"**/".repeat(40)}x`, `${"*a".repeat(12)}z`]);
  const started = performance.now();
  assert.equal(matches(`${"a/".repeat(60)}y`), undefined);
  assert(performance.now() - started < 1_000);
});

Deno.test("a literal glob names one file", () => {
  assert.deepEqual(["a.sh", "b/conftest.py"].filter(isLiteral).length, 2);
  assert.deepEqual(["a/", "*.sh", "a?", "[a]", "{a,b}", "!a", "\\a"].filter(isLiteral), []);
});
