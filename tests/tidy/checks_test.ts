/** Each check of this folder finds what it is for, and lets through what is right. */
import assert from "node:assert/strict";
import * as path from "node:path";
import { temporaryFolder } from "../support/folder.ts";
import { unusedExports } from "./exports.ts";
import { longFunctions } from "./functions.ts";
import { unsafeHints } from "./hints.ts";
import { circles, importsOf } from "./imports.ts";
import type { Source } from "./source.ts";

const source = (text: string, file = "src/a.ts"): Source => ({ file, text });

const lines = (count: number) => "  work();\n".repeat(count);

Deno.test("functions, methods and arrows may have 70 lines, what is inside them included", () => {
  const program = (body: number) =>
    source(
      `// „before“\n\nfunction f() {\n${lines(body)}}\n` +
        `const g = () => {\n${lines(body)}};\n` +
        `const h = { get it() {\n${lines(body)}} };\n` +
        `class C {\n  m() {\n${lines(body - 3)}  each(() => {\n  x();\n});\n}\n}\n`,
    );
  assert.deepEqual(longFunctions(program(68)), []);
  assert.deepEqual(longFunctions(program(69)), [
    "src/a.ts:3 f has 71 lines",
    "src/a.ts:74 g has 71 lines",
    "src/a.ts:145 it has 71 lines",
    "src/a.ts:217 m has 71 lines",
  ]);
});

Deno.test("imports are found in each of their forms", () => {
  const imports = importsOf(source(
    `import { a, type B } from "../b/b.ts";
     import type { C } from "./c.ts";
     import d from "./d.json";
     import "./e.ts";
     import * as f from "./f.ts";
     import * as path from "node:path";
     export { g as other } from "./g.ts";
     export type { H } from "./h.ts";
     export * from "./i.ts";
     // import { no } from "./no.ts";
     const text = 'import { no } from "./no.ts"';
     const { k: renamed } = await import("./k.ts");
     const [{ l }, { m }] = await Promise.all([import("./l.ts"), import("./m.ts")]);
     const n = await import("./n.ts");
     let o: typeof import("./o.ts");
     const p = async () => (await import("./p.ts")).named;
    `,
    "src/room/a.ts",
  ));
  assert.deepEqual(imports.map(({ to, name, typeOnly }) => [to, name, typeOnly]), [
    ["src/b/b.ts", "a", false],
    ["src/b/b.ts", "B", true],
    ["src/room/c.ts", "C", true],
    ["src/room/d.json", "default", false],
    ["src/room/e.ts", "", false],
    ["src/room/f.ts", "*", false],
    ["src/room/g.ts", "g", false],
    ["src/room/h.ts", "H", true],
    ["src/room/i.ts", "*", false],
    ["src/room/k.ts", "k", false],
    ["src/room/l.ts", "l", false],
    ["src/room/m.ts", "m", false],
    ["src/room/n.ts", "*", false],
    ["src/room/o.ts", "*", true],
    ["src/room/p.ts", "named", false],
  ]);
  assert.equal(imports[0].at, "src/room/a.ts:1");
});

Deno.test("files that import one another are told once, also for types and at run time", () => {
  const program = [
    source(`import type { B } from "./b.ts"; import { d } from "./d.ts";`, "src/a.ts"),
    source(`const { c } = await import("./c.ts");`, "src/b.ts"),
    source(`import { a } from "./a.ts";`, "src/c.ts"),
    source(`import { e } from "./e.ts";`, "src/d.ts"),
    source("", "src/e.ts"),
  ];
  assert.deepEqual(circles(program.flatMap(importsOf)), [
    "src/a.ts → src/b.ts → src/c.ts → src/a.ts",
  ]);
  assert.deepEqual(circles(program.slice(1).flatMap(importsOf)), []);
});

Deno.test("an export is used by another file, or by its test and its own file", () => {
  const program = [
    source(
      `export const used = 1;
       export function unused() { return unused; }
       export interface Unused { used: string }
       export const forItsTest = 1;
       export type ForItsTest = string;
       let value: ForItsTest = forItsTest;
       export class OnlyTested {}
       const late = { Late: 1 }.Late;
       export type Late = number;
       const later = 1;
       export { later };
       export { passed } from "./b.ts";
      `,
    ),
    source(`export const passed = 1; import { used } from "./a.ts";`, "src/b.ts"),
  ];
  const tests = [
    source(
      `import { forItsTest, type ForItsTest, OnlyTested, Late } from "../src/a.ts";`,
      "tests/a_test.ts",
    ),
  ];
  assert.deepEqual(unusedExports(program, tests), [
    "src/a.ts:2 unused is used by nobody else",
    "src/a.ts:3 Unused is used by nobody else",
    "src/a.ts:7 OnlyTested is used by tests alone",
    "src/a.ts:9 Late is used by tests alone",
    "src/a.ts:11 later is used by nobody else",
    "src/a.ts:12 passed is used by nobody else",
  ]);
});

Deno.test("what is used of a whole module cannot be seen", () => {
  const program = [
    source(`import * as b from "./b.ts"; import * as path from "node:path";`),
    source(`const c = [await import("./c.ts")];`, "src/b.ts"),
    source("", "src/c.ts"),
  ];
  const tests = [source(`export * from "../src/c.ts";`, "tests/a_test.ts")];
  assert.deepEqual(unusedExports(program, tests), [
    "src/a.ts:1 takes the whole of src/b.ts: name what it needs",
    "src/b.ts:1 takes the whole of src/c.ts: name what it needs",
    "tests/a_test.ts:1 takes the whole of src/c.ts: name what it needs",
  ]);
});

/** The commands that are found unsafe in a function that gives this hint. */
function unsafe(command: string, before = ""): string[] {
  const text = `function f(path, name, session) {\n${before}\nreturn { text: "t", ${command} };\n}`;
  return unsafeHints(source(text)).map((one) => one.replace("src/a.ts:3 ", ""));
}

Deno.test("a command takes words for the shell, numbers, and what the program itself says", () => {
  const safe = [
    "command: `ls ${shellWord(path)}`",
    "command: `ralph stop ${shellWord(a)} --force`",
    'command: `kill ${session.workerPid} && ss "sport = :${port}" && start ${UNIT_NAME}`',
    'command: `rm ${left.slice(0, 20).map(shellWord).join(" ")}`',
    'command: `rm ${left.map(({ folder }) => shellWord(folder)).join(" ")}`',
    'command: (masked ? `a ${shellWord(path)}` : "b") + await installCommand(names)',
    'command: inRoot(root, "status")',
    "acceptCommand: `ralph run ${shellWord(name)}`",
  ];
  for (const command of safe) assert.deepEqual(unsafe(command), []);
  assert.deepEqual(
    unsafe(
      "command: `${call} ${word}${option({})}`",
      'const word = shellWord(name); const call = `a ${word}`; const option = () => " --b";',
    ),
    [],
  );
  assert.deepEqual(unsafeHints(source("const process = { command: text.trim() };")), []);
});

Deno.test("a command takes nothing else, and nothing but numbers between quotes", () => {
  const bad = [
    "`cat '${path}'`",
    "`cat '${shellWord(path)}'`",
    '`cat "${shellWord(path)}"`',
    "`cat 'in ${shellWord(path)}'`",
    "`cat ${path}`",
    "`cat ${session.path}`",
    "`cat ${path ?? shellWord(name)}`",
    "`cat ${plain(path)}`",
    '`cat ${paths.join(" ")}`',
    '`rm ${paths.map((one) => one.path).join(" ")}`',
    '"cat " + path',
    'masked ? "a" : path',
  ];
  for (const value of bad) assert.deepEqual(unsafe(`command: ${value}`), [value]);
  assert.deepEqual(unsafe("acceptCommand: path"), ["path"]);
  assert.deepEqual(unsafe("command: `cat ${word}`", "const word = path;"), ["`cat ${word}`"]);
  assert.deepEqual(unsafeHints(source("const hint = { ...other, command: path };")), [
    "src/a.ts:1 path",
  ]);
});

Deno.test("what functions return for commands is looked at, and the nearest variable counts", () => {
  const text = `
    const word = shellWord("a");
    function installCommand(file) { const word = file; return \`cp \${word}\`; }
    const commandAfter = (name) => \`run \${name}\`;
    const nextCommand = () => \`run \${word}\`;
  `;
  assert.deepEqual(unsafeHints(source(text)), [
    "src/a.ts:3 `cp ${word}`",
    "src/a.ts:4 `run ${name}`",
  ]);
});

Deno.test("deno finds what is declared and never used, private members too", async () => {
  using folder = temporaryFolder();
  const file = path.join(folder.path, "bad.ts");
  const deno = async (...args: string[]) => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...args, "--config", path.join(import.meta.dirname ?? "", "../../deno.json"), file],
      env: { NO_COLOR: "1" },
    }).output();
    return { code, said: new TextDecoder().decode(stderr) };
  };

  await Deno.writeTextFile(file, "function unused() {}\nconst { a, b } = { a: 1, b: 2 };\nb;\n");
  const linted = await deno("lint");
  assert.equal(linted.code, 1);
  assert.match(linted.said, /`unused` is never used[\s\S]*`a` is never used/);

  await Deno.writeTextFile(file, "export class A {\n  private m() {}\n  #n = 1;\n}\n");
  const checked = await deno("check");
  assert.equal(checked.code, 1);
  assert.match(checked.said, /'m' is declared but[\s\S]*'#n' is declared but/);
});
