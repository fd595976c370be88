import assert from "node:assert/strict";
import { RalphError } from "../../../src/error.ts";
import { parsePrd, setPasses } from "../../../src/task/prd.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
const file = (text: string) => ({ path: "/p/tasks/x/prd.json", bytes: encode(text) });
const withStories = (...stories: string[]) => `{"userStories": [\n${stories.join(",\n")}\n]}`;

Deno.test("prd.json: every field that is named", () => {
  const prd = parsePrd(file(`{
  "project": "Shop", "branchName": "ralph/shop", "description": "Sells – things",
  "metadata": {"version": 3}, "verify": [["deno", "task", "test"]],
  "userStories": [
    {
      "id": "US-001", "title": "Log in", "description": "As a user \\u2026",
      "acceptanceCriteria": ["Form", "Typecheck passes"],
      "priority": 2, "passes": true, "notes": "a", "completionNotes": "b",
      "dependsOn": ["US-002"], "verify": [{"shell": "deno lint"}], "labels": ["x"]
    },
    {"id": "US-002", "notes": null, "passes": null}
  ]
}`));
  assert.deepEqual(prd, {
    format: "json",
    title: "Shop",
    description: "Sells – things",
    branchName: "ralph/shop",
    verify: [{ name: "deno task test", run: { args: ["deno", "task", "test"] } }],
    stories: [
      {
        id: "US-001",
        title: "Log in",
        description: "As a user …",
        criteria: [{ text: "Form" }, { text: "Typecheck passes" }],
        priority: 2,
        passes: true,
        notes: "a\nb",
        dependsOn: ["US-002"],
        verify: [{ name: "deno lint", run: { shell: "deno lint" } }],
        line: 5,
      },
      {
        id: "US-002",
        title: "",
        description: "",
        criteria: [],
        priority: Infinity,
        passes: false,
        notes: "",
        dependsOn: [],
        verify: [],
        line: 11,
      },
    ],
  });
});

Deno.test("prd.json: `name` stands in for `project`, and the file may end in .JSON", () => {
  const bytes = encode('\ufeff{"name": "Shop", "userStories": [{"id": "A"}]}');
  assert.equal(parsePrd({ path: "/p/PRD.JSON", bytes }).title, "Shop");
});

const FAULTS: readonly [text: string, message: RegExp][] = [
  ["[]", /:1:1: the PRD must be an object, and is an array$/],
  ['{"tasks": []}', /:1:1: it has no array `userStories`$/],
  ['{"userStories": {}}', /:1:17: it has no array `userStories`$/],
  ['{"userStories": []}', /:1:17: `userStories` is empty$/],
  [withStories('"US-001"'), /:2:1: a story must be an object, and is a string$/],
  [withStories("{}"), /:2:1: this story has no `id`$/],
  [withStories('{"id": ""}'), /:2:1: this story has no `id`$/],
  [withStories('{"id": null}'), /:2:1: this story has no `id`$/],
  [withStories('{"id": 1}'), /:2:8: `id` must be a string, and is a number$/],
  [
    withStories('{"id": "A", "passes": "true"}'),
    /:2:23: `passes` must be `true` or `false`, and is a string$/,
  ],
  [withStories('{"id": "A", "priority": "1"}'), /`priority` must be a number, and is a string$/],
  [
    withStories('{"id": "A", "acceptanceCriteria": "all"}'),
    /`acceptanceCriteria` must be an array, and is a string$/,
  ],
  [
    withStories('{"id": "A", "acceptanceCriteria": ["a", 1]}'),
    /:2:41: each item of `acceptanceCriteria` must be a string, and is a number$/,
  ],
  [withStories('{"id": "A", "dependsOn": [null]}'), /each item of `dependsOn` must be a string/],
  ['{"verify": "x", "userStories": [{"id": "A"}]}', /:1:12: `verify` must be a list of gates$/],
  [
    withStories('{"id": "A"}', '{"id": "B", "verify": [["a"], {"args": ["b", 1]}]}'),
    /:3:46: `userStories\[1\]\.verify\[1\]\.args\[1\]` must be a string$/,
  ],
  [withStories('{"id": "A", "title": {}}'), /`title` must be a string, and is an object$/],
  [
    withStories('{"id": "A"}', '{"id": "A"}'),
    /:3:1: the id `A` is that of the story on line 2 too$/,
  ],
  [
    withStories('{"id": "A"}', '{"id": "B", "dependsOn": ["A", "C"]}'),
    /:3:1: `B` depends on `C`, which is not in the PRD$/,
  ],
  [
    withStories('{"id": "A", "dependsOn": ["A"]}'),
    /:2:1: stories wait for each other in a circle: `A` → `A`$/,
  ],
  [
    withStories(
      '{"id": "D", "dependsOn": ["A"]}',
      '{"id": "A", "dependsOn": ["B"]}',
      '{"id": "B", "dependsOn": ["C"]}',
      '{"id": "C", "dependsOn": ["A"]}',
    ),
    /:3:1: stories wait for each other in a circle: `A` → `B` → `C` → `A`$/,
  ],
  [
    withStories(
      '{"id": "A"}',
      '{"id": "B", "dependsOn": ["A", "C"]}',
      '{"id": "C", "dependsOn": ["B"]}',
    ),
    /:3:1: stories wait for each other in a circle: `B` → `C` → `B`$/,
  ],
  [withStories('{"id": "\\u001b[2J"}', '{"id": "\\u001b[2J"}'), /the id `\\x1b\[2J`/],
];

for (const [text, message] of FAULTS) {
  Deno.test(`prd.json: refuses ${text.replaceAll("\n", " ").slice(0, 70)}`, () => {
    for (const read of [parsePrd, (f: ReturnType<typeof file>) => setPasses(f, CHANGE)]) {
      assert.throws(() => read(file(text)), (error) => {
        assert(error instanceof RalphError);
        assert.equal(error.kind, "usage");
        assert.match(error.message, /^cannot read the PRD at \/p\/tasks\/x\/prd\.json:\d+:\d+: /);
        assert.match(error.message, message);
        return true;
      });
    }
  });
}
const CHANGE = { storyId: "A", passes: true };

Deno.test("prd.json: names the place of what is not UTF-8", () => {
  const bytes = new Uint8Array([...encode('{"project":\n "é'), 0xff, ...encode('"}')]);
  assert.throws(() => parsePrd({ path: "p.json", bytes }), {
    message: "cannot read the PRD at p.json:2:4: the text is not UTF-8 here",
  });
  const cut = encode('{"project": "é').slice(0, -1);
  assert.throws(() => parsePrd({ path: "p.json", bytes: cut }), /p\.json:1:14: .* not UTF-8/);
  const utf16 = new Uint8Array([0xff, 0xfe, 0x7b, 0]);
  assert.throws(() => parsePrd({ path: "p.json", bytes: utf16 }), /p\.json:1:1: it is UTF-16/);
});

const CHANGES: readonly [what: string, before: string, passes: boolean, after: string][] = [
  [
    "a value, all around it kept",
    '\ufeff{\r\n\t"x" : [ 1,2 ],"userStories" :[{ "id":"A","passes"  :\tfalse ,"z":"ü" } ]}\r\n\r\n',
    true,
    '\ufeff{\r\n\t"x" : [ 1,2 ],"userStories" :[{ "id":"A","passes"  :\ttrue ,"z":"ü" } ]}\r\n\r\n',
  ],
  [
    "back again",
    withStories('{"id":"A","passes":true}'),
    false,
    withStories('{"id":"A","passes":false}'),
  ],
  [
    "null",
    withStories('{"passes": null, "id": "A"}'),
    true,
    withStories('{"passes": true, "id": "A"}'),
  ],
  ["what is so already", withStories('{"id": "A"}'), false, withStories('{"id": "A"}')],
  [
    "a new member, in one line",
    withStories('{"id": "A", "title": "T"}'),
    true,
    withStories('{"id": "A", "title": "T", "passes": true}'),
  ],
  [
    "a new member after one",
    withStories('{ "id":"A" }'),
    true,
    withStories('{ "id":"A", "passes":true }'),
  ],
  [
    "a new member, on a line of its own",
    '{"userStories": [\r\n  {\r\n    "id": "A",\r\n    "notes": "passes"\r\n  }\r\n]}',
    true,
    '{"userStories": [\r\n  {\r\n    "id": "A",\r\n    "notes": "passes",\r\n    "passes": true\r\n  }\r\n]}',
  ],
  [
    "the last of two, which is the one that counts",
    withStories('{"id": "A", "passes": true, "passes": false}'),
    true,
    withStories('{"id": "A", "passes": true, "passes": true}'),
  ],
  [
    "not what only looks like it",
    withStories('{"id": "A", "x": {"id": "A", "passes": false}, "passes": false}'),
    true,
    withStories('{"id": "A", "x": {"id": "A", "passes": false}, "passes": true}'),
  ],
];

for (const [what, before, passes, after] of CHANGES) {
  Deno.test(`prd.json: setPasses changes ${what}`, () => {
    const changed = setPasses(file(before), { storyId: "A", passes });
    assert.equal(decode(changed), after);
    assert.equal(parsePrd({ path: "p.json", bytes: changed }).stories[0].passes, passes);
  });
}

Deno.test("prd.json: setPasses for a story that is not there", () => {
  assert.throws(
    () => setPasses(file(withStories('{"id": "A"}')), { storyId: "B\n", passes: true }),
    {
      kind: "not_found",
      message: "there is no story `B\\n` in /p/tasks/x/prd.json",
    },
  );
});
