import assert from "node:assert/strict";
import { suggestGates } from "../../../../src/verify/gates/suggest_gates.ts";

function suggested(files: Record<string, string>): unknown {
  const json = suggestGates({ names: Object.keys(files), text: (name) => files[name] });
  return json === undefined ? undefined : JSON.parse(json).verify;
}

const scripts = (scripts: Record<string, unknown>, others = {}) =>
  JSON.stringify({ scripts, ...others });

const PROJECTS: readonly [what: string, files: Record<string, string>, gates: unknown][] = [
  ["nothing", {}, undefined],
  ["files that say nothing", { "README.md": "make test", "ralph.json": "{}" }, undefined],
  ["Deno without tasks", { "deno.json": "{}" }, [["deno", "test"]]],
  ["Deno with tasks, comments and commas too many", {
    "deno.jsonc": `\ufeff{ // "tasks": {}
      "tasks": { "test": "deno test -A", /* "lint": 1 */ "check": {"command": "x"}, "x": "//", },
    }`,
  }, [["deno", "task", "check"], ["deno", "task", "test"]]],
  ["Deno with lint alone", { "deno.json": '{"tasks": {"lint": "x"}}' }, [
    ["deno", "task", "lint"],
    ["deno", "test"],
  ]],
  ["a deno.json that is broken", { "deno.json": "{" }, [["deno", "test"]]],
  ["npm", { "package.json": scripts({ build: "x", test: "jest", lint: "eslint ." }) }, [
    ["npm", "run", "lint"],
    ["npm", "run", "test"],
  ]],
  ["npm as `npm init` leaves it", {
    "package.json": scripts({ test: 'echo "Error: no test specified" && exit 1' }),
  }, undefined],
  ["scripts that are none", { "package.json": scripts({ test: 1 }) }, undefined],
  ["package.json that is none", { "package.json": "null" }, undefined],
  ["pnpm", { "package.json": scripts({ typecheck: "tsc" }), "pnpm-lock.yaml": "" }, [
    ["pnpm", "run", "typecheck"],
  ]],
  ["yarn", { "package.json": scripts({ test: "x" }), "yarn.lock": "" }, [["yarn", "run", "test"]]],
  ["bun", { "package.json": scripts({ test: "x" }), "bun.lockb": "" }, [["bun", "run", "test"]]],
  ["a manager that is named", {
    "package.json": scripts({ test: "x" }, { packageManager: "pnpm@9.1.0" }),
    "yarn.lock": "",
  }, [["pnpm", "run", "test"]]],
  ["a manager that nobody knows", {
    "package.json": scripts({ test: "x" }, { packageManager: "rm -rf /" }),
  }, [["npm", "run", "test"]]],
  ["Make", { Makefile: ".PHONY: test lint\nVERSION := 1\ncheck test: build\n\techo lint: x\n" }, [
    ["make", "check"],
    ["make", "test"],
  ]],
  ["Make beside another", { Makefile: "test:\n", "Cargo.toml": "" }, [["cargo", "test"]]],
  ["pytest", {
    "pyproject.toml": '[project.optional-dependencies]\ndev = ["pytest>=8"]\n[tool.ruff.lint]\n',
  }, [["ruff", "check"], ["pytest"]]],
  ["pytest under uv", { "pyproject.toml": "[tool.pytest.ini_options]\n", "uv.lock": "" }, [
    ["uv", "run", "pytest"],
  ]],
  ["setup.cfg", { "setup.cfg": "[tool:pytest]\n[mypy]\n" }, [["mypy", "."], ["pytest"]]],
  ["pytest.ini", { "pytest.ini": "" }, [["pytest"]]],
  ["tox", { "tox.ini": "[tox]\n[testenv]\ncommands = nose2\n" }, [["tox"]]],
  ["Python without tests", { "pyproject.toml": "[project]\n" }, undefined],
  ["Go", { "go.mod": "module x\n" }, [["go", "vet", "./..."], ["go", "test", "./..."]]],
  ["two languages", { "Cargo.toml": "", "package.json": scripts({ test: "x" }) }, [
    ["npm", "run", "test"],
    ["cargo", "test"],
  ]],
];

for (const [what, files, gates] of PROJECTS) {
  Deno.test(`suggested gates: ${what}`, () => assert.deepEqual(suggested(files), gates));
}

Deno.test("suggested gates: files that cannot be read", () => {
  const names = ["deno.json", "package.json", "pyproject.toml", "Makefile"];
  const json = suggestGates({ names, text: () => undefined });
  assert.equal(json, '{"verify":[["deno","test"]]}');
});
