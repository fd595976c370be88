import assert from "node:assert/strict";
import { RalphError } from "../../../src/error.ts";
import { type Gate, gateKey, readGates } from "../../../src/task/gate.ts";
import { scanJson } from "../../../src/task/json_scan.ts";
import { prdError } from "../../../src/task/faults.ts";
import { openSource } from "../../../src/task/open_source.ts";

function read(json: string): readonly Gate[] {
  const source = openSource({ path: "ralph.json", bytes: new TextEncoder().encode(json) });
  return readGates(scanJson(source), {
    place: "verify",
    fault: (offset, reason, hints) => prdError(source, offset, reason, hints),
  });
}

Deno.test("gates: arguments, an object with arguments, a line for the shell", () => {
  assert.deepEqual(read('[["deno", "test"]]'), [
    { name: "deno test", run: { args: ["deno", "test"] } },
  ]);
  assert.deepEqual(
    read(`[
      {"args": ["deno", "test", "a b", ""], "timeoutSeconds": 0.5},
      {"shell": " npm test && npm run lint\\n", "name": "all", "timeoutSeconds": null}
    ]`),
    [
      {
        name: 'deno test "a b" ""',
        run: { args: ["deno", "test", "a b", ""] },
        timeoutSeconds: 0.5,
      },
      { name: "all", run: { shell: " npm test && npm run lint\n" } },
    ],
  );
  assert.deepEqual(read("[]"), []);
  assert.deepEqual(read('[["npm"]]')[0].run, { args: ["npm"] });
});

Deno.test("gates: a name is short and safe to print", () => {
  const [args, shell, named] = read(JSON.stringify([
    ["x", "\u001b[2J\u202e", "y".repeat(1000)],
    { shell: `echo a\necho ${"é".repeat(1000)}` },
    { shell: "true", name: "\u0007bell" },
  ]));
  assert(args.name.startsWith(String.raw`x "\u001b[2J\u202e" yyy`), args.name);
  assert.equal(args.name.length, 60);
  assert(shell.name.startsWith("echo a\\necho éé"));
  assert.equal(shell.name.length, 60);
  assert.equal(named.name, "\\x07bell");
});

Deno.test("gates: a string is a line for the shell, alone or in the list", () => {
  const npm = { name: "npm test", run: { shell: "npm test" } };
  assert.deepEqual(read('"npm test"'), [npm]);
  assert.deepEqual(read('["npm test", ["npm", "test"], "CI=1 make | tee log"]'), [
    npm,
    { name: "npm test", run: { args: ["npm", "test"] } },
    { name: "CI=1 make | tee log", run: { shell: "CI=1 make | tee log" } },
  ]);
});

const NUL = String.raw`\u0000`;
const FAULTS: readonly [json: string, message: string, ...hints: string[]][] = [
  ['{"shell": "x"}', "1:1: `verify` must be a list of gates"],
  ['[" "]', "1:2: `verify[0]` is empty"],
  [
    '["npm", "test"]',
    "1:1: `verify` holds strings, and no gates",
    'the arguments of a gate have brackets of their own: [["npm","test"]]',
  ],
  [
    "[1]",
    "1:2: `verify[0]` must be a line for the shell, a list of arguments, or an object with `args` or " +
    "`shell`",
  ],
  [
    "[null]",
    "1:2: `verify[0]` must be a line for the shell, a list of arguments, or an object with `args` or " +
    "`shell`",
  ],
  ["[[]]", "1:2: `verify[0]` is empty"],
  ['[["", "x"]]', "1:3: `verify[0][0]` is empty"],
  ['[["x", 1]]', "1:8: `verify[0][1]` must be a string"],
  ['[["x", ["y"]]]', "1:8: `verify[0][1]` must be a string"],
  [`[["x", "a${NUL}"]]`, "1:8: `verify[0][1]` holds a NUL character"],
  ["[{}]", "1:2: `verify[0]` must have either `args` or `shell`"],
  ['[{"shell": null}]', "1:2: `verify[0]` must have either `args` or `shell`"],
  ['[{"args": ["x"], "shell": "x"}]', "1:2: `verify[0]` must have either `args` or `shell`"],
  ['[{"args": "npm test"}]', "1:11: `verify[0].args` must be a list of arguments"],
  ['[{"args": []}]', "1:11: `verify[0].args` is empty"],
  ['[{"args": [true]}]', "1:12: `verify[0].args[0]` must be a string"],
  ['[{"shell": "\\n"}]', "1:12: `verify[0].shell` is empty"],
  [`[{"shell": "${NUL}"}]`, "1:12: `verify[0].shell` holds a NUL character"],
  ['[{"shell": "x", "name": ""}]', "1:25: `verify[0].name` is empty"],
  [
    '[{"shell": "x", "timeoutSecs": 1}]',
    "1:17: `verify[0]` has an unknown member `timeoutSecs`",
    "a gate may have args, shell, name, timeoutSeconds",
  ],
  [
    '[{"shel": "x"}]',
    "1:3: `verify[0]` has an unknown member `shel`",
    "did you mean `shell`?",
  ],
  [
    '[{"__proto__": {}}]',
    "1:3: `verify[0]` has an unknown member `__proto__`",
    "a gate may have args, shell, name, timeoutSeconds",
  ],
  ...['"600"', "0", "-1", "86401", "1e999"].map((value): [string, string] => [
    `[{"shell": "x", "timeoutSeconds": ${value}}]`,
    "1:35: `verify[0].timeoutSeconds` must be a number of seconds above 0, at most 86400",
  ]),
];

for (const [json, message, ...hints] of FAULTS) {
  Deno.test(`gates: refuses ${json.replaceAll("\n", " ")}`, () => {
    assert.throws(() => read(json), (error) => {
      assert(error instanceof RalphError);
      assert.equal(error.message, `cannot read the PRD at ralph.json:${message}`);
      assert.deepEqual(error.hints, hints.map((text) => ({ text })));
      return true;
    });
  });
}

Deno.test("gates: the key is that of the command and its limit, not of the name", () => {
  const [a, named, limited, shell] = read(
    '[["x"], {"args": ["x"], "name": "n"}, {"args": ["x"], "timeoutSeconds": 1}, {"shell": "x"}]',
  ).map(gateKey);
  assert.equal(a, named);
  assert.equal(new Set([a, limited, shell]).size, 3);
});
