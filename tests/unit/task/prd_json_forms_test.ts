import assert from "node:assert/strict";
import { nextStory, parsePrd, remarksOf } from "../../../src/task/prd.ts";
import { guardPrd } from "../../../src/verify/prd/prd_guard.ts";
import { openPrd, setPasses } from "../../../src/task/prd.ts";

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value, null, 2));
const read = (value: unknown) => parsePrd({ path: "/p/prd.json", bytes: bytesOf(value) });
const shown = (value: unknown) => {
  const { stories } = read(value);
  const ids = stories.map(({ id, passes }) => `${id}${passes ? "+" : ""}`).join(" ");
  return `${ids}, next ${nextStory(stories)?.id ?? "none"}`;
};
const story = (id: string | number, rest: object = {}) => ({ id, title: "T", ...rest });

const READ: readonly [what: string, prd: unknown, shown: string][] = [
  [
    "no ids and no titles",
    [{ story: "Log in", passes: true }, { task: "Log out", done: false }],
    "1+ 2, next 2",
  ],
  ["`state`", [story(1, { state: "passing" }), story(2, { state: "failing" })], "1+ 2, next 2"],
  ["`pass`", [story(1, { pass: true }), story(2, { pass: false })], "1+ 2, next 2"],
  ["`passed`, `complete`, `isDone`, `is_finished`", [
    story(1, { passed: true }),
    story(2, { complete: true }),
    story(3, { isDone: true }),
    story(4, { is_finished: false }),
  ], "1+ 2+ 3+ 4, next 4"],
  ["`implemented` and `verified`, alone", [
    story(1, { implemented: true }),
    story(2, { verified: true }),
    story(3, { implemented: true, verified: false }),
  ], "1+ 2+ 3, next 3"],
  ["steps beside `passes`, which say nothing", [
    story(1, { passes: true, verified: false }),
    story(2, { passes: false, implemented: true }),
  ], "1+ 2, next 2"],
  [
    "words for a status",
    ["pass", "verified", "validated", "fixed", "deployed", "✅", "ready"].map((status, i) =>
      story(i, { status })
    ),
    "0+ 1+ 2+ 3+ 4+ 5+ 6, next 6",
  ],
  ["a phase without stories", {
    phases: [{ id: "P0", stories: [story("P0-1", { passes: true })] }, { id: "P1", stories: [] }],
  }, "P0-1+, next none"],
  ["no ids in an array", [{ description: "A", steps: ["x"], passes: true }, {
    description: "B",
    steps: [],
    passes: false,
  }], "1+ 2, next 2"],
  ["no ids in a list", {
    tasks: [{ description: "A", passes: false }, { description: "B", passes: false }],
  }, "1 2, next 1"],
  [
    "ids that the titles have",
    [{ title: "US1.1: A", body: "x" }, { title: "US1.2: B", body: "y" }],
    "US1.1 US1.2, next US1.1",
  ],
  [
    "ids under another name",
    [{ storyId: "S1", title: "A" }, { task_id: 2, title: "B" }],
    "S1 2, next S1",
  ],
  ["a tag", {
    master: {
      tasks: [story(1, { status: "done" }), story(2, { status: "pending", dependencies: [1] })],
      metadata: {},
    },
  }, "1+ 2, next 2"],
  ["plans", {
    plans: [{
      id: "p1",
      user_stories: [story("A", { passes: true }), story("B", { passes: false, deps: ["A"] })],
    }],
  }, "A+ B, next B"],
  ["milestones with phases", {
    milestones: [{ name: "M", phases: [{ name: "P", tasks: [story("A")] }] }, {
      name: "N",
      sprints: [{ tasks: [story("B")] }],
    }],
  }, "A B, next A"],
  ["milestones that only name things", {
    milestones: [{ id: "M1", name: "x" }],
    stories: [story("A")],
  }, "A, next A"],
  ...["deps", "requires", "needs", "after", "prerequisites", "depends"].map((name) =>
    [`\`${name}\``, [
      story("US-1", { priority: 1, [name]: ["US-2"] }),
      story("US-2", { priority: 2, [name]: [] }),
    ], "US-1 US-2, next US-2"] as [string, unknown, string]
  ),
  ...["order", "rank", "sequence"].map((name) =>
    [`\`${name}\``, [story("A", { [name]: 2 }), story("B", { [name]: 1 })], "A B, next B"] as [
      string,
      unknown,
      string,
    ]
  ),
];

for (const [what, prd, expected] of READ) {
  Deno.test(`prd.json forms: ${what}`, () => {
    assert.equal(shown(prd), expected);
    const document = openPrd({ path: "/p/prd.json", bytes: bytesOf(prd) });
    const open = document.stories.filter(({ passes }) => !passes).map(({ id }) => id);
    const ticked = setPasses(document, new Map(open.map((id) => [id, true])));
    const claimed = guardPrd(document, ticked);
    assert.deepEqual([claimed.violations, claimed.additions], [[], []]);
    assert(claimed.prd.stories.every(({ passes }) => passes));
  });
}

Deno.test("prd.json forms: the first line of its description is the title of a story without id and title", () => {
  const { stories: [one] } = read([{ description: "Send\nit", passes: false }]);
  assert.deepEqual([one.id, one.title, one.description], ["1", "Send", "Send\nit"]);
});

const TOLD: readonly [what: string, prd: unknown, told: readonly string[]][] = [
  ["a date at which it was done", [
    story(1, { completedAt: "2026-01-02" }),
    story(2, { passes: false, completedAt: "2026-01-02" }),
  ], ["open, with a status that is not known: `2026-01-02` (line 2)"]],
  ["a flag that is none", [story(1, { completed: "2026-01-02" }), story(2, { pass: "true" })], [
    "open, with a status that is not known: `2026-01-02` (line 2), `true` (line 7)",
  ]],
  ["a status that is not known", [
    story(1, { status: "approved" }),
    story(2, { passes: false, status: "approved" }),
  ], ["open, with a status that is not known: `approved` (line 2)"]],
  ["a phase without stories", { phases: [{ stories: [story(1)] }, { stories: [] }] }, [
    "without stories: `phases[1]` (line 11)",
  ]],
  ["an open criterion of a story that passes", [
    story(1, { passes: true, criteria: [{ text: "x", checked: false }] }),
  ], ["passing, with parts that are open: `criteria` (line 6)"]],
];

for (const [what, prd, told] of TOLD) {
  Deno.test(`prd.json forms: told is ${what}`, () => assert.deepEqual(remarksOf(read(prd)), told));
}

const REFUSED: readonly [what: string, prd: unknown, message: RegExp][] = [
  ["some ids", [story(1), { title: "B", passes: false }], /:6:3: this story has no `id`/],
  ["things that are no stories", [{ name: "a", version: 1 }], /:2:3: this story has no `id`/],
  [
    "two tags",
    { a: { tasks: [story(1)] }, b: { tasks: [story(2)] } },
    /`b` is a second list of stories/,
  ],
  ["two lists without ids", {
    features: [{ name: "a", done: false }],
    tasks: [{ name: "b", done: false }],
  }, /`tasks` is a second list of stories/],
];

for (const [what, prd, message] of REFUSED) {
  Deno.test(`prd.json forms: refused are ${what}`, () => assert.throws(() => read(prd), message));
}
