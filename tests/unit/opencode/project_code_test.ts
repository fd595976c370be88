import assert from "node:assert/strict";
import * as path from "node:path";
import { codeWords, projectCode } from "../../../src/opencode/project_code.ts";
import { projectChoices } from "../../../src/opencode/project_choices.ts";

/** A project of these files, in memory. */
function project(files: Readonly<Record<string, string>>) {
  const root = "/p";
  const all = Object.entries(files).map(([name, text]) => [path.join(root, name), text]);
  return {
    root,
    readText: (file: string) => all.find(([name]) => name === file)?.[1],
    list: (folder: string) => [
      ...new Set(
        all.filter(([name]) => name.startsWith(`${folder}/`))
          .map(([name]) => name.slice(folder.length + 1).split("/")[0]),
      ),
    ],
  };
}

Deno.test("what a project has OpenCode run, of each kind", () => {
  const cases: [string, Record<string, string>, readonly string[]][] = [
    ["nothing", { "opencode.json": '{"model": "a/b"}', ".opencode/agent/a.md": "x" }, []],
    ["a plugin", { ".opencode/plugin/a.js": "" }, [".opencode/plugin/a.js"]],
    ["in the other folder", { ".opencode/plugins/a.ts": "" }, [".opencode/plugins/a.ts"]],
    ["a tool", { ".opencode/tool/a.ts": "", ".opencode/tools/b.js": "" }, [
      ".opencode/tool/a.ts",
      ".opencode/tools/b.js",
    ]],
    ["packages", { ".opencode/package.json": "{}" }, [".opencode/package.json (packages)"]],
    ["a command with a shell", {
      ".opencode/command/deep/a.md": "see !`rm x`",
      ".opencode/command/b.md": "only words",
    }, [".opencode/command/deep/a.md (shell commands)"]],
    ["settings, with comments", {
      "opencode.jsonc": `{ // mine
        "plugin": ["some-package", ["file:///x.js", {}]],
        "mcp": { "m": { "type": "local", "command": ["sh", "-c", "id"] },
                 "far": { "type": "remote", "url": "https://x" } },
        "lsp": { "l": { "command": ["lsp"] }, "off": { "disabled": true } },
        "formatter": { "f": { "command": ["fmt", "$FILE"] } },
        "shell": "/p/sh",
        "command": { "c": { "template": "!\`id\`" }, "d": { "template": "words" } },
        "provider": { "p": { "npm": "file:///y.js" }, "q": { "npm": "@ai-sdk/openai" } },
      }`,
    }, [
      "opencode.jsonc: plugin some-package",
      "opencode.jsonc: plugin file:///x.js",
      "opencode.jsonc: mcp m: sh -c id",
      "opencode.jsonc: lsp l: lsp",
      "opencode.jsonc: formatter f: fmt $FILE",
      "opencode.jsonc: shell /p/sh",
      "opencode.jsonc: command c (shell commands)",
      "opencode.jsonc: provider p: file:///y.js",
    ]],
    ["in the words of OpenCode 2", {
      "opencode.json": `{
        "plugins": ["some-package", { "package": "./x.ts", "options": {} }, "-off"],
        "mcp": { "servers": { "m": { "type": "local", "command": ["sh", "-c", "id"] } } },
        "commands": { "c": { "template": "!\`id\`" }, "d": { "template": "words" } },
        "providers": { "p": { "package": "file:///y.js" }, "q": { "package": "aisdk:@ai-sdk/openai" } },
      }`,
    }, [
      "opencode.json: plugin some-package",
      "opencode.json: plugin ./x.ts",
      "opencode.json: mcp m: sh -c id",
      "opencode.json: command c (shell commands)",
      "opencode.json: provider p: file:///y.js",
    ]],
    ["packages of single models", {
      "opencode.json": `{
        "provider": { "p": { "models": { "a": { "provider": { "npm": "one" } }, "b": {}, "c": 1 } } },
        "providers": {
          "q": { "package": "aisdk:two", "models": { "a": { "package": "aisdk:two" }, "b": { "package": "aisdk:three" } } },
          "r": { "models": 7 }
        }
      }`,
    }, [
      "opencode.json: provider p: one",
      "opencode.json: provider q: aisdk:two",
      "opencode.json: provider q: aisdk:three",
    ]],
    ["settings in the folder", { ".opencode/opencode.json": '{"plugin": ["a"]}' }, [
      ".opencode/opencode.json: plugin a",
    ]],
    ["hooks", { "opencode.json": '{"experimental": {"hook": {"session_completed": []}}}' }, [
      'opencode.json: hook {"session_completed":[]}',
    ]],
    ["what is of another form", {
      "opencode.json": '{"plugin": 1, "mcp": [], "lsp": true, "command": {"a": 1}, "provider": 0}',
    }, []],
    ["no object", { "opencode.json": "[]", ".opencode/opencode.json": "{" }, []],
    ["names that would write to the terminal", { ".opencode/plugin/\x1b[2J.js": "" }, [
      ".opencode/plugin/\\x1b[2J.js",
    ]],
  ];
  for (const [name, files, expected] of cases) {
    assert.deepEqual(projectCode(project(files)), expected, name);
  }
});

Deno.test("much of it is told on one line of bounded length", () => {
  const files = Array.from(
    { length: 500 },
    (_, i) => [`.opencode/tool/${"x".repeat(300)}${i}.js`, ""],
  );
  const words = codeWords(projectCode(project(Object.fromEntries(files)))) ?? "";
  assert.match(words, /; and \d+ more$/);
  assert(words.length < 1_000, words);
  assert.equal(codeWords([]), undefined);
});

Deno.test("what a project's settings say of models and rules", () => {
  assert.deepEqual(projectChoices(project({})), {
    model: undefined,
    hasProviders: false,
    rules: [],
  });
  const settings = {
    model: "a/b",
    provider: { own: {} },
    permission: { edit: "ask", bash: { "*": "allow", "rm *": "deny" } },
    agent: { build: { permission: "deny" }, plan: {} },
  };
  assert.deepEqual(projectChoices(project({ "opencode.json": JSON.stringify(settings) })), {
    model: "a/b",
    hasProviders: true,
    rules: ["ask edit", "allow bash *", "deny bash rm *", "deny * (agent build)"],
  });
  const rule = (effect: string, action: string, resource: string) => ({ effect, action, resource });
  const inWordsOf2 = {
    model: { providerID: "a", model: "b" },
    providers: { own: {} },
    permissions: [rule("allow", "*", "*"), rule("deny", "shell", "git push*"), "odd"],
    agents: { build: { permissions: [rule("deny", "edit", "secrets/**")] }, plan: {} },
  };
  assert.deepEqual(projectChoices(project({ "opencode.json": JSON.stringify(inWordsOf2) })), {
    model: "a/b",
    hasProviders: true,
    rules: ["allow * *", "deny shell git push*", "deny edit secrets/** (agent build)"],
  });
  const odd = { model: 1, provider: [], permission: [1], agent: "x" };
  assert.deepEqual(projectChoices(project({ "opencode.json": JSON.stringify(odd) })).rules, []);
});
