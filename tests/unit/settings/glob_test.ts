import assert from "node:assert/strict";
import { RalphError } from "../../../src/error.ts";
import { globMatcher, globProblem, isLiteral } from "../../../src/settings/glob.ts";
import { GENEROUS_MS } from "../../support/wait.ts";

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
    ["(group)/a.ts", { yes: ["(group)/a.ts"], no: ["group/a.ts"] }],
    ["app/[id].ts", { yes: ["app/[id].ts", "app/i.ts"], no: ["app/x.ts", "app/[i].ts"] }],
    ["\\[id\\].ts", { yes: ["[id].ts"], no: ["i.ts"] }],
    ["*.{md,{ts,c*}}", { yes: ["a.md", "a.ts", "b/a.cpp"], no: ["a.tsx", "a.{md"] }],
    ["{src,lib/*}/**/*_test.ts", {
      yes: ["src/a_test.ts", "lib/x/b/a_test.ts"],
      no: ["lib/a_test.ts"],
    }],
    ["a{,.bak}", { yes: ["a", "x/a.bak"], no: ["a.b"] }],
    ["[a-c][[:digit:]].c", { yes: ["a1.c"], no: ["d1.c", "ab.c"] }],
    ["[)(].c", { yes: ["(.c", ").c"], no: ["a.c"] }],
    ["@(a|b)/*", { yes: ["a/x", "b/x/y"], no: ["c/x", "ab/x"] }],
    ["+(ab)?(-c)*(d).ts", { yes: ["abab.ts", "x/ab-cdd.ts"], no: ["-c.ts", "ab-c-c.ts"] }],
    [".github", { yes: [".github/workflows/a.yml", "x/.github/a"], no: ["github/a"] }],
    ["*", { yes: [".env", "a/.b"], no: [] }],
    ['a b\'s "c" #1, ü|$^.ts', { yes: ['a b\'s "c" #1, ü|$^.ts'], no: ["a b's c #1, ü|$^.ts"] }],
    ["x/*.ts", { yes: ["x/a\nb.ts", "x/\n.ts/c"], no: ["x\n/a.ts"] }],
    ["a\\", { yes: ["a\\", "x/a\\"], no: ["a"] }],
    ["@(a|b|(c)).d", { yes: ["a.d", "(c).d"], no: ["c.d", "a"] }],
    ["\\!a", { yes: ["!a"], no: ["a"] }],
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

Deno.test("`!` before a parenthesis takes out too", () => {
  const matches = globMatcher(["app/**", "!app/(group)/**"]);
  assert.equal(matches("app/(group)/a.ts"), false);
  assert.equal(matches("app/group/a.ts"), true);
});

Deno.test("a glob that means nothing, or leads out, is refused in words", () => {
  const cases: [string, RegExp][] = [
    ["", /a glob that names something/],
    ["!", /a glob that names something/],
    ["/", /a glob that names something/],
    ["./", /a glob that names something/],
    ["../x", /a glob without `\.\.`/],
    ["!a/../../x", /a glob without `\.\.`/],
    ["[a", /Missing closing: "\]"/],
    ["a]", /Missing opening: "\["/],
    ["[z-a].c", /Range out of order/],
    ["{a,b", /Missing closing: "\}"/],
    ["@(a", /Missing closing: "\)"/],
    ["{1..12}.c", /no range/],
    ["tests/!(data)/**", /`!\(…\)` is not known/],
    ["x".repeat(70_000), /exceeds maximum allowed length/],
  ];
  for (const [glob, problem] of cases) {
    assert.match(globProblem(glob) ?? "none", problem, glob.slice(0, 40));
    assert.throws(
      () => globMatcher(["a", glob]),
      (error) =>
        error instanceof RalphError && error.kind === "usage" && problem.test(error.message),
    );
  }
  for (const glob of ["..a", "a..b/...", "a}", "(", ")", "a!b"]) {
    assert.equal(globProblem(glob), undefined, glob);
  }
});

Deno.test("a glob that would be slow as an expression is not", () => {
  const matches = globMatcher([`${"**/".repeat(40)}x`, `${"*a".repeat(12)}z`]);
  const started = performance.now();
  assert.equal(matches(`${"a/".repeat(60)}y`), undefined);
  assert(performance.now() - started < GENEROUS_MS);
});

Deno.test("a literal glob names one file", () => {
  assert.deepEqual(["a.sh", "b/conftest.py", "(a)/b+c@d.ts"].filter(isLiteral).length, 3);
  const globs = ["a/", "*.sh", "a?", "[a]", "{a,b}", "!a", "\\a", "@(a)", "+(a)b"];
  assert.deepEqual(globs.filter(isLiteral), []);
});
