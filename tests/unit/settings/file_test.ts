import assert from "node:assert/strict";
import fc from "fast-check";
import { RalphError } from "../../../src/error.ts";
import { readSettingsFile } from "../../../src/settings/file.ts";
import { mergeSettings } from "../../../src/settings/settings.ts";

const file = (text: string) => ({
  path: "/p/ralph.json",
  bytes: new TextEncoder().encode(text),
  isOwn: false,
});
const read = (text: string) => mergeSettings([readSettingsFile(file(text))]);

/** The error for a file's text. */
function fault(text: string): RalphError {
  try {
    readSettingsFile(file(text));
  } catch (error) {
    assert(error instanceof RalphError, `no RalphError: ${error}`);
    assert.equal(error.kind, "usage");
    return error;
  }
  throw new assert.AssertionError({ message: `this was read: ${text.slice(0, 200)}` });
}

Deno.test("ralph.json: everything that can be said", () => {
  const settings = read(`{
  "$schema": "./docs/ralph.schema.json",
  "server": "http://localhost:1/", "model": "p/m", "agent": "build", "prompt": "prompts/a.md",
  "verify": [["deno", "test"], {"shell": "a && b", "name": "both", "timeoutSeconds": 9}],
  "gateEnv": ["DATABASE_URL", "AWS_*"],
  "protect": ["tests/**"], "tests": "trusted", "commit": "agent",
  "finish": "tree", "baseBranch": "release/1.0",
  "worktree": true, "worktreeIn": "data", "setup": [["npm", "ci"]], "copy": [".env"],
  "dependsOn": {"b": ["a"]},
  "onEnd": ["bin/told", "a b"], "onBlocked": ["told"], "onIteration": ["/abs/told"], "notify": true,
  "limits": {
    "iterations": 4, "costUsd": 0.5, "tokens": 1e6, "durationMinutes": 480, "turnMinutes": 0.5,
    "silenceMinutes": 2, "modelCalls": 5, "gateMinutes": 0.000001, "noProgress": 6, "errors": 7,
    "serverAwayMinutes": 8, "rateLimitMinutes": 34560, "brokenAnswers": 9, "compactions": 10
  }
}`);
  assert.deepEqual(settings, {
    server: "http://localhost:1",
    serverOfProject: false,
    model: { providerId: "p", modelId: "m" },
    agent: "build",
    prompt: "/p/prompts/a.md",
    outside: [],
    verify: [
      { name: "deno test", run: { args: ["deno", "test"] } },
      { name: "both", run: { shell: "a && b" }, timeoutSeconds: 9 },
    ],
    gateEnv: ["DATABASE_URL", "AWS_*"],
    protect: ["tests/**"],
    tests: "trusted",
    commit: "agent",
    finish: "tree",
    baseBranch: "release/1.0",
    worktree: true,
    worktreeIn: "data",
    setup: [{ name: "npm ci", run: { args: ["npm", "ci"] } }],
    copy: [".env"],
    dependsOn: { b: ["a"] },
    onEnd: ["/p/bin/told", "a b"],
    onBlocked: ["told"],
    onIteration: ["/abs/told"],
    notify: true,
    hooksFrom: [],
    limits: {
      iterations: 4,
      costUsd: 0.5,
      tokens: 1_000_000,
      durationMs: 28_800_000,
      turnMs: 30_000,
      silenceMs: 120_000,
      modelCalls: 5,
      gateMs: 1,
      noProgress: 6,
      errors: 7,
      serverAwayMs: 480_000,
      rateLimitMs: 2_073_600_000,
      brokenAnswers: 9,
      compactions: 10,
    },
  });
});

Deno.test("ralph.json: what is not named is not said", () => {
  assert.deepEqual(read("{}"), mergeSettings([]));
  assert.deepEqual(read("\ufeff{}\r\n"), mergeSettings([]));
  assert.deepEqual(read('{"limits": {}, "verify": []}'), mergeSettings([]));
});

Deno.test("ralph.json: an absolute prompt stays where it is", () => {
  assert.equal(read('{"prompt": "/t/p.md"}').prompt, "/t/p.md");
});

const NESTED = `{"verify": ${"[".repeat(5000)}${"]".repeat(5000)}}`;

/** What stands after the path in the message. */
const FAULTS: readonly [text: string, message: string][] = [
  ["", ":1:1: it is not valid JSON: the file is empty"],
  ["[]", ":1:1: the file's value must be an object, and is an array"],
  ["null", ":1:1: the file's value must be an object, and is `null`"],
  ["{", ':1:2: it is not valid JSON: the file ends where a name in `"` should be'],
  ['{\n  // why\n  "agent": "a"}', ":2:3: it is not valid JSON: JSON has no comments"],
  ['{"agent": "a" /* why */}', ":1:15: it is not valid JSON: JSON has no comments"],
  ['{"agent": "a",}', ":1:14: it is not valid JSON: a comma stands before `}`"],
  ["{'agent': 1}", ":1:2: it is not valid JSON: `'` stands where a name in `\"` should be"],
  [
    '{"limits": {"costUsd": NaN}}',
    ":1:24: it is not valid JSON: `N` stands where a value should be",
  ],
  [
    '{"limits": {"costUsd": -Infinity}}',
    ":1:24: it is not valid JSON: `-` stands where a value should be",
  ],
  [NESTED, ":1:212: it is not valid JSON: it is nested more than 200 levels deep"],
  ['{"agent": "a", "agent": "b"}', ":1:16: `agent` stands here for the second time"],
  [
    '{"limits": {"errors": 1, "\\u0065rrors": 2}}',
    ":1:26: `errors` stands here for the second time",
  ],
  ['{"__proto__": {"agent": "a"}}', ":1:2: the settings have no `__proto__`"],
  ['{"limits": {"__proto__": {}}}', ":1:13: `limits` has no `__proto__`"],
  ['{"constructor": 1}', ":1:2: the settings have no `constructor`"],
  ['{"\\u001b[2J": 1}', ":1:2: the settings have no `\\x1b[2J`"],
  ['{"agent": 5}', ":1:11: `agent` must be the name of an agent, and is `5`"],
  ['{"agent": ""}', ':1:11: `agent` must be the name of an agent, and is `""`'],
  ['{"agent": null}', ":1:11: `agent` must be the name of an agent, and is `null`"],
  ['{"prompt": "a\\u0000"}', ':1:12: `prompt` must be the path of a file, and is `"a\\u0000"`'],
  [
    '{"model": "m"}',
    ':1:11: `model` must be provider/model, as in `opencode models`, and is `"m"`',
  ],
  ['{"tests": "yes"}', ':1:11: `tests` must be "counted" or "trusted", and is `"yes"`'],
  ['{"protect": "a"}', ':1:13: `protect` must be a list of globs, and is `"a"`'],
  ['{"protect": ["a", 1]}', ":1:19: `protect[1]` must be a glob, and is `1`"],
  [
    '{"gateEnv": ["*"]}',
    ':1:14: `gateEnv[0]` must be the name of a variable, or its beginning and `*`, and is `"*"`',
  ],
  ['{"protect": {}}', ":1:13: `protect` must be a list of globs, and is an object"],
  ['{"protect": ["a", ""]}', ':1:19: `protect[1]` must be a glob, and is `""`'],
  [
    '{"protect": ["!"]}',
    ':1:14: `protect[0]` must be a glob that names something, and is `"!"`',
  ],
  [
    '{"protect": ["a", "!../b"]}',
    ':1:19: `protect[1]` must be a glob without `..`, and is `"!../b"`',
  ],
  [
    '{"protect": ["tests/{a,b"]}',
    ':1:14: `protect[0]` must be a well-formed glob (Missing closing: "}" - use "\\\\}" to match ' +
    'literal characters), and is `"tests/{a,b"`',
  ],
  [
    '{"protect": ["[z-a]"]}',
    ":1:14: `protect[0]` must be a well-formed glob (Range out of order in character class), and " +
    'is `"[z-a]"`',
  ],
  [
    '{"protect": ["/p/tests/**"]}',
    ":1:14: `protect[0]` must be a path from the project root on",
  ],
  [
    '{"baseBranch": "--force"}',
    ':1:16: `baseBranch` must be the name of a branch, and is `"--force"`',
  ],
  ['{"limits": []}', ":1:12: `limits` must be an object, and is an array"],
  [
    '{"limits": {"iterations": "10"}}',
    ':1:27: `limits.iterations` must be a whole number from 1 up, and is `"10"`',
  ],
  [
    '{"limits": {"tokens": 0}}',
    ":1:23: `limits.tokens` must be a whole number from 1 up, and is `0`",
  ],
  [
    '{"limits": {"errors": 1.5}}',
    ":1:23: `limits.errors` must be a whole number from 1 up, and is `1.5`",
  ],
  [
    '{"limits": {"tokens": 1e300}}',
    ":1:23: `limits.tokens` must be a whole number from 1 up, and is `1e300`",
  ],
  [
    '{"limits": {"costUsd": -5}}',
    ":1:24: `limits.costUsd` must be an amount in US dollars above 0, and is `-5`",
  ],
  [
    '{"limits": {"costUsd": 1e999}}',
    ":1:24: `limits.costUsd` must be an amount in US dollars above 0, and is `1e999`",
  ],
  [
    '{"limits": {"turnMinutes": true}}',
    ":1:28: `limits.turnMinutes` must be a number of minutes above 0, " +
    "and 34560 (24 days) at most, and is `true`",
  ],
  [
    '{"limits": {"gateMinutes": 34561}}',
    ":1:28: `limits.gateMinutes` must be a number of minutes above 0, " +
    "and 34560 (24 days) at most, and is `34561`",
  ],
  [
    '{\n  "server": "https://127.0.0.1:1"\n}',
    ":2:13: `https://127.0.0.1:1` is no http address",
  ],
  [
    '{"server": "http://example.com"}',
    ":1:12: cannot use the server http://example.com: it is not on this machine, " +
    "and the agent works on files here",
  ],
];

for (const [text, message] of FAULTS) {
  Deno.test(`ralph.json: ${text.slice(0, 60)}`, () => {
    assert.equal(fault(text).message, `cannot read the settings at /p/ralph.json${message}`);
  });
}

Deno.test("ralph.json: a gate that is wrong is named with its place", () => {
  const error = fault('{"agent": 1,\n "verify": [["npm", 1]]}');
  assert.match(
    error.message,
    /^cannot read the settings at \/p\/ralph\.json:2:21: `verify\[0\]\[1\]`/,
  );
});

Deno.test("ralph.json: of several faults the first in the file is told", () => {
  assert.match(fault('{"x": 1, "agent": 2, "tests": 3}').message, /:1:2: the settings have no `x`/);
  assert.match(fault('{"agent": 2, "x": 1, "y": 1}').message, /:1:11: `agent` must be/);
  assert.match(fault('{"limits": {"b": 1, "a": 1}}').message, /:1:13: `limits` has no `b`/);
});

Deno.test("ralph.json: the hints can be pasted", () => {
  assert.deepEqual(fault('{"limits": {"iterations": "10"}}').hints, [
    { text: 'write for example `"iterations": 20`' },
  ]);
  assert.deepEqual(fault('{"modle": "p/m"}').hints[0], { text: "did you mean `model`?" });
  assert.match(fault('{"limits": {"iteration": 1}}').hints[0].text, /did you mean `iterations`\?/);
  assert.match(fault('{"xyz": 1}').hints[0].text, /^there are: \$schema, server, model, /);
});

Deno.test("outside: folders that only the user's own settings name, the prompt of theirs among them", () => {
  const own = (text: string) => readSettingsFile({ ...file(text), isOwn: true }).outside;
  assert.deepEqual(own('{"outside": ["/home/me/tasks"], "prompt": "a.md"}'), [
    "/p/a.md",
    "/home/me/tasks",
  ]);
  assert.equal(readSettingsFile(file('{"prompt": "/etc/a.md"}')).outside, undefined);
  assert.match(fault('{"outside": ["/"]}').message, /:1:13: `outside` counts only in your own /);
});

Deno.test("hooksFrom: only of the user's own settings", () => {
  const own = readSettingsFile({ ...file('{"hooksFrom": ["/p"]}'), isOwn: true });
  assert.deepEqual(own.hooksFrom, ["/p"]);
  assert.match(fault('{"hooksFrom": ["/p"]}').message, /:1:15: `hooksFrom` counts only in your/);
  assert.match(fault('{"onEnd": "told"}').message, /`onEnd` must be a list of a program and its/);
  assert.match(fault('{"onEnd": []}').message, /`onEnd` must be a list of a program and its/);
});

Deno.test("turnsAtOnce: only of the user's own settings, since it is of all projects", () => {
  const own = readSettingsFile({ ...file('{"turnsAtOnce": 3}'), isOwn: true });
  assert.equal(own.turnsAtOnce, 3);
  assert.match(fault('{"turnsAtOnce": 3}').message, /:1:17: `turnsAtOnce` counts only in your/);
});

Deno.test("ralph.json: columns count characters, and foreign text is made plain", () => {
  assert.match(fault('{"äöü\u{202e}": 1, "agent": 1}').message, /:1:2: .* `äöü\\u202e`$/);
  assert.match(fault('{"agent": "äöü", "tests": 1}').message, /:1:27: /);
});

Deno.test("ralph.json: other encodings, and a file of 5 MB", () => {
  const withBytes = (bytes: Uint8Array) => () => readSettingsFile({ ...file(""), bytes });
  assert.throws(withBytes(new Uint8Array([0xff, 0xfe, 0x7b, 0])), { message: /it is UTF-16$/ });
  assert.throws(withBytes(new Uint8Array([0x7b, 0x22, 0xe4, 0x22])), {
    message: /the text is not UTF-8 here$/,
  });
  assert.match(fault(" ".repeat(5_000_000)).message, /the file is larger than 64 KiB$/);
});

Deno.test("ralph.json: whatever is in it, it is read, or a RalphError says what is wrong", () => {
  const names = fc.constantFrom("server", "model", "limits", "verify", "protect", "__proto__", "x");
  const json = fc.dictionary(names, fc.jsonValue({ maxDepth: 3 })).map((value) =>
    JSON.stringify(value)
  );
  const withLimits = fc.dictionary(
    fc.constantFrom("iterations", "costUsd", "turnMinutes", "errors"),
    fc.oneof(fc.double(), fc.integer(), fc.string()),
  ).map((limits) => JSON.stringify({ limits }));
  let read = 0;
  fc.assert(
    fc.property(fc.oneof(json, withLimits, fc.string()), (text) => {
      try {
        const { limits } = mergeSettings([readSettingsFile(file(text))]);
        for (const value of Object.values(limits)) assert(value > 0 && Number.isFinite(value));
        read++;
      } catch (error) {
        assert(error instanceof RalphError, String(error));
      }
    }),
    { numRuns: 500 },
  );
  assert(read > 0);
});
