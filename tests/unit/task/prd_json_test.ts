import assert from "node:assert/strict";
import { RalphError } from "../../../src/error.ts";
import { parsePrd } from "../../../src/task/prd.ts";
import { setPasses } from "../../support/prd.ts";
import { GENEROUS_MS } from "../../support/wait.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
const file = (text: string) => ({ path: "/p/tasks/x/prd.json", bytes: encode(text) });
const withStories = (...stories: string[]) => `{"userStories": [\n${stories.join(",\n")}\n]}`;

Deno.test("prd.json: every field that is named", () => {
  const prd = parsePrd(file(`{
  "project": "Shop", "branchName": "ralph/shop", "dependsOn": ["login"], "description": "Sells – things",
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
    dependsOn: ["login"],
    leftOut: [],
    about: 'Sells – things\n\nmetadata:\n{"version": 3}',
    offers: [],
    remarks: [],
    verify: [{ name: "deno task test", run: { args: ["deno", "task", "test"] } }],
    stories: [
      {
        id: "US-001",
        title: "Log in",
        description: "As a user …",
        criteria: [{ text: "Form" }, { text: "Typecheck passes" }],
        priority: 2,
        passes: true,
        notes: "a\nb\nlabels: x",
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

/** The stories of a text as far as their ids, states and what is asked of them go. */
const found = (text: string) =>
  parsePrd(file(text)).stories.map(({ id, passes }) => `${id}${passes ? " passes" : ""}`);

Deno.test("prd.json: stories under the names that others give their list, and in epics", () => {
  for (const name of ["stories", "user_stories", "features", "tasks", "items"]) {
    assert.deepEqual(found(`{"${name}": [{"id": "A"}, {"id": "B"}]}`), ["A", "B"], name);
  }
  assert.deepEqual(found('[{"id": "A"}, {"id": 7, "passes": true}]'), ["A", "7 passes"]);
  const epics =
    '{"epics": [{"id": "E1", "stories": [{"id": "A"}]}, {"userStories": [{"id": "B"}]}]}';
  assert.deepEqual(found(epics), ["A", "B"]);
  assert.deepEqual(found('{"features": [{"name": "F", "tasks": [{"id": "A", "passes": true}]}]}'), [
    "A passes",
  ]);
  const nested =
    '{"phases": [{"id": "P", "epics": [{"id": "E", "stories": [{"id": "A"}, {"id": "B"}]}]}]}';
  assert.deepEqual(found(nested), ["A", "B"]);
  assert.deepEqual(found('{"epics": [{"stories": [], "tasks": [{"id": "A"}]}]}'), ["A"]);
  const subtasks = withStories(
    '{"id": "A", "status": "open", "tasks": [{"id": "T", "status": "done"}]}',
  );
  assert.deepEqual(found(subtasks), ["A"]);
  assert.deepEqual(found('{"userStories": [{"id": "A", "tasks": ["a"]}], "tasks": ["x"]}'), ["A"]);
});

Deno.test("prd.json: no list of stories is dropped in silence", () => {
  for (
    const second of [
      '"tasks": [{"id": "X"}]',
      '"epics": [{"stories": [{"id": "X"}]}]',
      '"items": [{"id": 1}]',
      '"bugs": [{"passes": false}]',
      '"bugs": [{"id": "B-1", "status": "open"}]',
      '"backlog": [{"title": "B", "done": false}]',
    ]
  ) {
    assert.throws(
      () => found(`{"userStories": [{"id": "A"}], ${second}}`),
      /` is a second list of stories$/,
      second,
    );
  }
  assert.throws(
    () =>
      found(
        withStories('{"id": "A", "status": "open", "stories": [{"id": "B", "passes": false}]}'),
      ),
    /:2:1: this story has stories of its own in `stories`$/,
  );
  assert.deepEqual(
    found(withStories('{"id": "E", "title": "Auth", "stories": [{"id": "A", "status": "open"}]}')),
    ["A"],
    "a thing that has stories and no state of its own is an epic",
  );
  const risks = '"risks": [{"id": "R-1", "title": "Slow", "status": "open"}]';
  assert.deepEqual(found(`{"userStories": [{"id": "A"}], ${risks}}`), ["A"]);
});

Deno.test("prd.json: names of packages order nothing, and a missing id is one only where ids stand", () => {
  const depends = (field: string, on: string) =>
    found(withStories(`{"id": "auth", "${field}": ["${on}"]}`, '{"id": "cart"}'));
  assert.deepEqual(depends("dependencies", "express"), ["auth", "cart"]);
  assert.deepEqual(depends("dependsOn", "none"), ["auth", "cart"]);
  assert.throws(() => depends("dependsOn", "express"), /which is not in the PRD$/);
});

Deno.test("prd.json: the state that others keep, and `passes` before it", () => {
  const state = (members: string) => found(withStories(`{"id": "A", ${members}}`))[0];
  for (
    const done of ['"status": "done"', '"completed": true', '"done": true', '"status": "Passed"']
  ) {
    assert.equal(state(done), "A passes", done);
    assert.equal(state(`${done}, "passes": false`), "A", done);
  }
  assert.equal(state('"status": "not done"'), "A");
  const bytes = setPasses(file(withStories('{"id": "A", "status": "done"}')), {
    storyId: "A",
    passes: false,
  });
  assert.deepEqual(found(decode(bytes)), ["A"]);
});

Deno.test("prd.json: other names and forms of a story's fields", () => {
  const [story] = parsePrd(file(withStories(
    `{"id": "A", "name": "T", "acceptance_criteria": ["a", {"text": "b"}, 3], "priority": "high",
      "dependencies": "B, Stripe SDK", "notes": ["n", "m"], "constraints": ["c", "d"], "files": "f",
      "status": "open", "verify": "npm test"}`,
    '{"id": "B", "acceptanceCriteria": "all", "priority": "P2", "blockedBy": []}',
  ))).stories;
  assert.deepEqual(story, {
    id: "A",
    title: "T",
    description: "",
    criteria: [{ text: "a" }, { text: "b" }, { text: "3" }],
    priority: 1,
    passes: false,
    notes: "n\nm\nconstraints:\n- c\n- d\nfiles: f\nDepends on: Stripe SDK",
    dependsOn: ["B"],
    verify: [{ name: "npm test", run: { shell: "npm test" } }],
    marks: ['"status": "done"'],
    line: 2,
  });
  const prd = parsePrd(
    file('{"project": {"name": "P"}, "branch_name": "b", "stories": [{"id": "A"}]}'),
  );
  assert.deepEqual([prd.title, prd.branchName], ["P", "b"]);
});

const FAULTS: readonly [text: string, message: RegExp][] = [
  ['"US-001"', /:1:1: the PRD must be an object, and is a string$/],
  ["[]", /:1:1: its list of stories is empty$/],
  ['{"tasks": []}', /:1:1: its list of stories is empty$/],
  ['{"chapters": []}', /:1:1: it has no array `userStories`$/],
  ['{"userStories": {}}', /:1:17: it has no array `userStories`$/],
  ['{"userStories": []}', /:1:17: its list of stories is empty$/],
  [withStories('"US-001"'), /:2:1: a story must be an object, and is a string$/],
  [withStories("{}"), /:2:1: this story has no `id`$/],
  [withStories('{"id": ""}'), /:2:1: this story has no `id`$/],
  [withStories('{"id": null}'), /:2:1: this story has no `id`$/],
  [withStories('{"id": []}'), /:2:8: `id` must be a string, and is an array$/],
  [
    withStories('{"id": "A", "passes": "true"}'),
    /:2:23: `passes` must be `true` or `false`, and is a string$/,
  ],
  ['{"verify": 1, "userStories": [{"id": "A"}]}', /:1:12: `verify` must be a list of gates$/],
  ['{"branch": "my feature", "userStories": [{"id": "A"}]}', /:1:12: `branch` is `my feature`/],
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
    /:2:1: stories wait for each other in a cycle: `A` → `A`$/,
  ],
  [
    withStories(
      '{"id": "D", "dependsOn": ["A"]}',
      '{"id": "A", "dependsOn": ["B"]}',
      '{"id": "B", "dependsOn": ["C"]}',
      '{"id": "C", "dependsOn": ["A"]}',
    ),
    /:3:1: stories wait for each other in a cycle: `A` → `B` → `C` → `A`$/,
  ],
  [
    withStories(
      '{"id": "A"}',
      '{"id": "B", "dependsOn": ["A", "C"]}',
      '{"id": "C", "dependsOn": ["B"]}',
    ),
    /:3:1: stories wait for each other in a cycle: `B` → `C` → `B`$/,
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

Deno.test("prd.json: setPasses leaves out a story that is not there", () => {
  const prd = file(withStories('{"id": "A"}'));
  assert.deepEqual(setPasses(prd, { storyId: "B", passes: true }), prd.bytes);
});

Deno.test("prd.json: stories that a person has taken out are told, and are no stories", () => {
  const prd = parsePrd(file(withStories(
    '{"id": "A", "skip": true}',
    '{"id": "B", "status": "deferred"}',
    '{"id": "C", "blocked": true, "passes": true}',
    '{"id": "D", "dependsOn": ["A", "B"], "skip": false, "blocked": false, "status": "open"}',
  )));
  assert.deepEqual(prd.stories.map(({ id, dependsOn }) => [id, dependsOn]), [["D", []]]);
  assert.deepEqual(prd.leftOut, [
    { id: "A", why: "`skip` is true", line: 2 },
    { id: "B", why: "its status is deferred", line: 3 },
    { id: "C", why: "`blocked` is true", line: 4 },
  ]);
  assert.throws(
    () => parsePrd(file(withStories('{"id": "A", "skip": true}'))),
    /:1:1: it has no story to work on: left out: A \(`skip` is true\)$/,
  );
});

Deno.test("prd.json: all that is wrong is told at once, each with its line", () => {
  const text = withStories(
    '{"id": "A", "passes": "true", "title": 5}',
    '{"id": "B"}',
    '{"title": "no id"}',
    '{"id": "B", "verify": [[]]}',
    "7",
  );
  assert.throws(() => parsePrd(file(text)), (error) => {
    assert(error instanceof RalphError);
    assert.match(
      error.message,
      /:2:23: `passes` must be `true` or `false`, and is a string \(and 5 more faults\)$/,
    );
    assert.deepEqual(error.hints.map(({ text }) => text), [
      "2:40: `title` must be a string, and is a number",
      '4:1: this story has no `id`; give it one that no other has, such as `"id": "US-001"`',
      "5:1: the id `B` is that of the story on line 3 too",
      "5:24: `userStories[3].verify[0]` is empty",
      "6:1: a story must be an object, and is a number",
    ]);
    return true;
  });
});

Deno.test("prd.json: all that stories wait for in vain is told at once", () => {
  const text = withStories(
    '{"id": "A", "dependsOn": ["X", "Y"]}',
    '{"id": "B", "dependsOn": ["Z"]}',
  );
  assert.throws(() => parsePrd(file(text)), (error) => {
    assert(error instanceof RalphError);
    assert.match(error.message, /:2:1: `A` depends on `X`, `Y`, which are not in the PRD \(and 1 /);
    assert.deepEqual(error.hints, [
      { text: "3:1: `B` depends on `Z`, which is not in the PRD" },
    ]);
    return true;
  });
});

Deno.test("prd.json: an epic that is taken out takes its stories out", () => {
  const prd = parsePrd(file(`{"epics": [
    {"name": "one", "stories": [{"id": "A"}]},
    {"name": "two", "status": "deferred", "stories": [{"id": "B"}, {"id": "C", "skip": true}]}
  ]}`));
  assert.deepEqual(prd.stories.map(({ id }) => id), ["A"]);
  assert.deepEqual(prd.leftOut.map(({ id, why }) => `${id}: ${why}`), [
    "B: of what it is in, its status is deferred",
    "C: `skip` is true",
  ]);
});

Deno.test("prd.json: a status that says nothing is told of where the story passes", () => {
  const prd = parsePrd(file(withStories(
    '{"id": "A", "passes": true, "status": "rework"}',
    '{"id": "B", "passes": false, "status": "rework"}',
    '{"id": "C", "passes": true, "status": "done"}',
  )));
  assert.deepEqual(prd.stories.map(({ passes }) => passes), [true, false, true]);
  assert.deepEqual(prd.remarks, ["passing, with a status that is not known: `rework` (line 2)"]);
});

Deno.test("prd.json: a range stands for the stories that it names", () => {
  const [a, b, c] = parsePrd(file(withStories(
    '{"id": "US-001"}',
    '{"id": "US-002", "dependsOn": "none"}',
    '{"id": "US-003", "dependsOn": ["US-001 - US-002"]}',
  ))).stories;
  assert.deepEqual([a, b, c].map(({ dependsOn }) => dependsOn), [[], [], ["US-001", "US-002"]]);
});

Deno.test("prd.json: many ranges over many stories take no minutes", () => {
  const stories = Array.from(
    { length: 20_000 },
    (_, i) => `{"id": "US-${i}", "dependsOn": "US-0 to US-${i}"}`,
  );
  const begun = performance.now();
  const prd = parsePrd(file(withStories(...stories)));
  assert(performance.now() - begun < GENEROUS_MS);
  assert.equal(prd.stories[500].dependsOn.length, 500);
  assert.deepEqual(prd.stories[19_999].dependsOn, []);
});

Deno.test("prd.json: parts of a passing story that are open are told of", () => {
  const { stories, remarks } = parsePrd(file(withStories(
    '{"id": "A", "passes": true, "subtasks": [{"title": "x", "done": false}]}',
    '{"id": "B", "passes": true, "subtasks": [{"title": "x", "status": "done"}]}',
    '{"id": "C", "passes": false, "checklist": [{"title": "x", "done": false}]}',
  )));
  assert.deepEqual(stories.map(({ passes }) => passes), [true, true, false]);
  assert.deepEqual(remarks, ["passing, with parts that are open: `subtasks` (line 2)"]);
});

Deno.test("prd.json: what a story waits for may be things with an id, and epics may be names alone", () => {
  const { stories } = parsePrd(file(
    '{"epics": [{"id": "E1", "title": "One"}], "phases": [{"name": "p", "stories": ["A"]}],' +
      '"userStories": [{"id": "A", "dependsOn": [{"id": "B", "why": "x"}]}, {"id": "B"}]}',
  ));
  assert.deepEqual(stories.map(({ id, dependsOn }) => [id, dependsOn]), [["A", ["B"]], ["B", []]]);
});

Deno.test("prd.json: without a list of stories, what is there in its place is named", () => {
  assert.throws(
    () => parsePrd(file('{"name": "x", "milestones": [{"id": 1}], "prd": {}, "tags": ["a"]}')),
    /it has no array `userStories`; what it has is `milestones`, `prd`$/,
  );
});

Deno.test("prd.json: a status counts as done only when nothing in it turns that round", () => {
  const passes = (status: string) =>
    parsePrd(file(withStories(`{"id": "A", "status": ${JSON.stringify(status)}}`))).stories[0]
      .passes;
  for (const status of ["done", "✅ done", "Completed", "100% complete"]) {
    assert.equal(passes(status), true, status);
  }
  for (const status of ["90% complete", "done?", "❌ done", "done (partially)", "not done"]) {
    assert.equal(passes(status), false, status);
  }
});
