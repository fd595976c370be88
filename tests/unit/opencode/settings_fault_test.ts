/** Replies of 1.1.53 and 1.18.33 to a request in a project whose settings they cannot use (measured). */
import assert from "node:assert/strict";
import { openCodeSettings } from "../../../src/opencode/settings_files.ts";
import { settingsFault } from "../../../src/opencode/settings_fault.ts";

const path = "/p/opencode.json";
const TEXT = '{\n  // the model\n  "model": 5,\n  "mcp": { "x": {} },\n}';

const CASES: readonly [string, unknown, string | undefined][] = [
  [
    "malformed",
    {
      name: "ConfigJsonError",
      data: {
        path,
        message: '\n--- JSONC Input ---\n{\n  "key": "secret"\n\n--- Errors ---\n' +
          "CloseBraceExpected at line 4, column 1\nCloseBraceExpected at line 4, column 1\n--- End ---",
      },
    },
    "/p/opencode.json, line 4, column 1: CloseBraceExpected",
  ],
  [
    "a value of another type, 1.18.33",
    {
      name: "ConfigInvalidError",
      data: { path, issues: [{ path: ["model"], message: "Expected string, got 5" }] },
    },
    "/p/opencode.json, line 3, column 3: `model`: Expected string, got 5",
  ],
  [
    "a key that is not known, 1.1.53",
    {
      name: "ConfigInvalidError",
      data: {
        path,
        issues: [{ code: "unrecognized_keys", keys: ["mcp"], path: [], message: 'Key: "mcp"' }],
      },
    },
    '/p/opencode.json, line 4, column 3: Key: "mcp"',
  ],
  [
    "one that is not there any more",
    {
      name: "ConfigInvalidError",
      data: { path, issues: [{ path: ["agent", "a"], message: "Invalid\u001b[2J" }] },
    },
    "/p/opencode.json: `agent.a`: Invalid\\x1b[2J",
  ],
  [
    "another fault",
    { name: "ConfigFrontmatterError", data: { path: "/p/a.md", message: "no end" } },
    "/p/a.md: no end",
  ],
  ["another error", { name: "UnknownError", data: { path, message: "x" } }, undefined],
  ["no error", { healthy: true }, undefined],
];

for (const [name, reply, words] of CASES) {
  Deno.test(`OpenCode's settings: ${name}`, () => {
    assert.equal(settingsFault(reply, (file) => file === path ? TEXT : undefined), words);
  });
}

Deno.test("OpenCode's settings in a project are looked at without a server", () => {
  const files = new Map([[path, TEXT], ["/p/.opencode/opencode.jsonc", "{\n broken"]]);
  assert.deepEqual(openCodeSettings("/p", (file) => files.get(file)), [
    { name: "opencode.json", fault: undefined },
    {
      name: ".opencode/opencode.jsonc",
      fault: "/p/.opencode/opencode.jsonc, line 2, column 2: InvalidSymbol",
    },
  ]);
});
