import assert from "node:assert/strict";
import fc from "fast-check";
import {
  openPrd,
  openStories,
  remarksOf,
  restoreStates,
  setPasses,
  withBoxes,
} from "../../../src/task/prd.ts";
import { stateOf, statusesOf } from "../../../src/task/story_state.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
const open = (text: string, path = "/p/prd.md") => openPrd({ path, bytes: encode(text) });

const STATUS_LINES: readonly [line: string, done: boolean | undefined][] = [
  ["**Status:** Done", true],
  ["- **Status**: ✅ Completed (2026-01-02)", true],
  ["Status: complete on 2026-01-02", true],
  ["_Status: done_", true],
  ["**Status:** ✅", true],
  ["**Status:** [x]", true],
  ["**Status:** [x] Done", true],
  ["**Status:** [ ] Done", false],
  ["**Status:** 🔴 Not started", false],
  ["**Status:** In progress (@bob)", false],
  ["**Status:** TODO", false],
  ["**Status:** Not done", false],
  ["**Status:** Done, except the form", undefined],
  ["**Status:** ✅ FIXED (2026-03-22)", true],
  ["**Status:** Verified", true],
  ["**Status:** ✅ Complete (passes: true)", true],
  ["**Status:** ✅ Complete (passes: false)", undefined],
  ["- **Passes:** true", true],
  ["**Passes:** false", false],
  ["**Done:** yes", true],
  ["**Completed:** [ ]", false],
  ["**Done:** when it works", undefined],
  ["**Estado:** ✅ Completada", true],
  ["**Estado:** Pendiente", false],
  ["**Priority:** 1 | **Status:** Done", true],
  ["**Status:** Done | **Priority:** 1", true],
  ["**Priority:** 1 **Status:** Open", false],
  ["**Size:** M · **Status:** Done · **Labels:** a, b", true],
  ["Priority: 1 | Status: Done", true],
  ["**Status:** Deployed to staging", undefined],
  ["**Status:** Done | nothing else", undefined],
  ["- Status: done", undefined],
  ["**Status:** Completed 2/3", undefined],
  ["**Status:** Open | In progress | Done", undefined],
  ["**Status:** Approved", undefined],
  ["**Status:** Cancelled", undefined],
  ["Statuses: done", undefined],
];

for (const [line, done] of STATUS_LINES) {
  Deno.test(`state: \`${line}\` says ${done}`, () => {
    const view = String.fromCharCode(...encode(line));
    assert.equal(statusesOf(view).at(0)?.sign?.done, done);
  });
}

/** A story's lines, whether it passes, and whether its signs disagree. */
const STORIES: readonly [text: string, passes: boolean, disagree: boolean][] = [
  ["### [ ] US-001: A\n- [ ] a", false, false],
  ["### [x] US-001: A\n- [x] a", true, false],
  ["### [x] US-001: A\n- [x] a\n- [ ] b", false, true],
  ["### [ ] US-001: A\n- [x] a", false, true],
  ["### US-001: A ✅\n- [x] a", true, false],
  ["### US-001: A [x]\n- [x] a", true, false],
  ["### US-001: A [ ] ##\n- [x] a", false, true],
  ["### 2. [ ] US-001: A\n- a", false, false],
  ["### 2. [x] US-001: A\n- a", true, false],
  ["### US-001: A ✅\n- [ ] a", false, true],
  ["### US-001: A ✅\n- a", true, false],
  ["### US-001: A\n- a", false, false],
  ["### [X] US-001: A\n- a", true, false],
  ["### US-001: A\n**Status:** Done\n- a", true, false],
  ["### US-001: A\n**Status:** In progress\n- [x] a", false, true],
  ["### US-001: A\n**Status:** 🔴 Not started\n- a", false, false],
  ["### US-001: A\n**Status:** In progress, half done (@bob)\n- a", false, false],
  ["### US-001: A ✅ (2026-01-02)\n- a", true, false],
  ["### US-001: A - ✅ Done\n- a", true, false],
  ["### US-001: A\n**Priority:** High<br>**Status:** Done\n- a", true, false],
  ["### US-001: A\n**Current status:** Done\n- a", true, false],
  ["### US-001: A ✅ DONE\n- a", true, false],
  ["### US-001: A ✅ COMPLETE\n- a", true, false],
  ["### US-001: A (DONE)\n- a", true, false],
  ["### US-001: A (✅ done)\n- a", true, false],
  ["### US-001: A — DONE\n- a", true, false],
  ["### US-001: A - Done\n- a", true, false],
  ["### US-001: A [COMPLETE] ##\n- a", true, false],
  ["### US-001: A (completed 2026-01-02)\n- a", true, false],
  ["### US-001: A — DONE (2026-01-02, PR #12)\n- a", true, false],
  ["### US-001: A ✅ — DONE\n- a", true, false],
  ["### US-001: A (done) — DONE ✅\n- a", true, false],
  ["### ✅ US-001: A ✅ DONE\n- a", true, false],
  ["### US-001: A ✅ DONE\n- [ ] a", false, true],
  ["### US-001: A (done)\n**Status:** Open", false, true],
  ["### US-001: A\n**Priority:** 1 | **Status:** Done\n- a", true, false],
  ["### US-001: A\n**Passes:** true | **Priority:** 1\n- [ ] a", false, true],
];

Deno.test("state: a section says that its stories are done, where they do not say otherwise", () => {
  const stories = (text: string) =>
    open(text).stories.map(({ passes, disagree }) => [passes, disagree]);
  assert.deepEqual(stories("## Done\n### US-1: A\n- a\n## Open\n### US-2: B\n- b\n"), [
    [true, undefined],
    [false, undefined],
  ]);
  const text = "## ✅ Completed stories\n### US-001: A\n- [ ] a\n";
  assert.deepEqual(stories(text), [
    [false, "done by its section, `✅ Completed stories`, open by its boxes"],
  ]);
  assert.deepEqual(stories(decode(setPasses(open(text), new Map([["US-001", true]])))), [[
    true,
    undefined,
  ]]);
  assert.deepEqual(
    stories("## Phase 1: Base ✅ COMPLETE\n### US-1: A\n- a\n## Phase 2\n### US-2: B\n- b\n"),
    [
      [true, undefined],
      [false, undefined],
    ],
  );
  const bare = open("## Done\n### US-001: A\n- a\n");
  assert.equal(decode(withBoxes(bare)), "## Done\n### [x] US-001: A\n- a\n");
  assert.equal(stories(decode(setPasses(bare, new Map([["US-001", false]]))))[0][0], false);
});

/** What of a story may say how far it is, and is not read: whether it passes, and what is told. */
const TOLD: readonly [text: string, passes: boolean, told: string | undefined][] = [
  ...["## Already done", "## Closed", "## Archive", "# Done"].map((heading) =>
    [
      `${heading}\n### US-001: A\n- a`,
      false,
      "open, and said to be done where that is not read: `US-001` (line 1)",
    ] as [string, boolean, string]
  ),
  ["## Definition of done\n### US-001: A\n- a", false, undefined],
  ...[
    "{done}",
    "(100% complete)",
    "🎉",
    ":white_check_mark:",
    "(status: done)",
    "<!-- done -->",
    ", done",
  ].map((end) =>
    [
      `### US-001: A ${end}\n- a`,
      false,
      "open, and said to be done where that is not read: `US-001` (line 1)",
    ] as [string, boolean, string]
  ),
  ...["<!-- status: done -->", "`passes: true`", "COMPLETED", "[x] Done", "**Progress:** 100%"].map(
    (line) =>
      [
        `### US-001: A\n${line}\n`,
        false,
        "open, and said to be done where that is not read: `US-001` (line 2)",
      ] as [string, boolean, string],
  ),
  ...[
    "> **Status:** Done",
    "**Status** - Done",
    "| Status | ✅ Done |",
    "✅ Done",
    "**DONE**",
    "- Passes: true",
  ].map((line) =>
    [
      `### US-001: A\n${line}\n- a`,
      false,
      "open, and said to be done where that is not read: `US-001` (line 2)",
    ] as [string, boolean, string]
  ),
  [
    "### US-001: [DONE] A\n- a",
    false,
    "open, and said to be done where that is not read: `US-001` (line 1)",
  ],
  [
    "### US-001: A\n**状态:** 完成\n- a",
    false,
    "a status that is not known: `US-001` has `完成` (line 2)",
  ],
  [
    "### US-001: A\n**Статус:** готово\n- a",
    false,
    "a status that is not known: `US-001` has `готово` (line 2)",
  ],
  [
    "### US-001: A\n**Completed:** 2026-01-02\n- a",
    false,
    "a status that is not known: `US-001` has `2026-01-02` (line 2)",
  ],
  [
    "### US-001: A\n**Status:** Approved\n- [x] a",
    true,
    "a status that is not known: `US-001` has `Approved` (line 2)",
  ],
  [
    "### US-001: A\n**Status:** 80% there\n- a",
    false,
    "a status that is not known: `US-001` has `80% there` (line 2)",
  ],
  [
    "### US-001: A\n**Status:** Open | In progress | Done\n- a",
    false,
    "a status that is not known: `US-001` has `Open | In progress | Done` (line 2)",
  ],
  [
    "### US-001: A\n- Status: done\n- a",
    false,
    "open, and said to be done where that is not read: `US-001` (line 2)",
  ],
  [
    "### US-001: A\n#### Status\n\nDone\n",
    false,
    "open, and said to be done where that is not read: `US-001` (line 4)",
  ],
  [
    "### US-001: A\n#### Status\nIn progress\n#### Criteria\n- [x] a",
    true,
    "passing, and said to be open where that is not read: `US-001` (line 3)",
  ],
  [
    "### US-001: A DONE\n- a",
    false,
    "open, and said to be done where that is not read: `US-001` (line 1)",
  ],
  [
    "### US-001: A (fixed)\n- a",
    false,
    "open, and said to be done where that is not read: `US-001` (line 1)",
  ],
  [
    "### US-001: A (WIP)\n- [x] a",
    true,
    "passing, and said to be open where that is not read: `US-001` (line 1)",
  ],
  ["### US-001: A (WIP)\n- [ ] a", false, undefined],
  [
    "| Story | Status |\n| - | - |\n| US-001 | ✅ Done |\n### US-001: A\n- a",
    false,
    "open, and said to be done where that is not read: `US-001` (line 3)",
  ],
  [
    "## Progress\n- [x] US-001: A\n### US-001: A\n- a",
    false,
    "open, and said to be done where that is not read: `US-001` (line 2)",
  ],
  [
    "## Progress\n- ~~US-001~~\n### US-001: A\n- a",
    false,
    "open, and said to be done where that is not read: `US-001` (line 2)",
  ],
  ["## Progress\n- US-001: A — done\n### US-001: A\n- [x] a", true, undefined],
  ["### US-001: A\n**Done:** when the tests of all packages pass\n- [x] a", true, undefined],
  ["### US-001: Show what is done\n- a", false, undefined],
];

for (const [text, passes, told] of TOLD) {
  Deno.test(`state: of ${JSON.stringify(text)} is told ${told}`, () => {
    const prd = open(text);
    assert.equal(prd.stories[0].passes, passes);
    assert.deepEqual(
      remarksOf(prd).filter((line) => !line.includes("are in no story")),
      told ? [told] : [],
    );
  });
}

Deno.test("state: a title keeps its words", () => {
  const titles = (...texts: string[]) =>
    open(texts.map((text, i) => `### US-${i}${text}\n- [ ] a\n`).join("")).stories.map((
      { title, passes },
    ) => [title, passes]);
  assert.deepEqual(
    titles(
      ": Done",
      " - Done",
      ": Export - done by cron",
      ": Backup (done by cron)",
      ": List (closed)",
      ": Mark all done",
    ),
    [
      ["Done", false],
      ["Done", false],
      ["Export - done by cron", false],
      ["Backup (done by cron)", false],
      ["List (closed)", false],
      ["Mark all done", false],
    ],
  );
});

for (const [text, passes, disagree] of STORIES) {
  Deno.test(`state: ${JSON.stringify(text)} ${passes ? "passes" : "is open"}`, () => {
    const prd = open(text);
    assert.deepEqual(prd.stories.map((s) => [s.passes, s.disagree !== undefined, s.title]), [
      [passes, disagree, "A"],
    ]);
    assert.equal(remarksOf(prd).length, disagree ? 1 : 0);
    assert.equal(open(decode(setPasses(prd, new Map([["US-001", true]])))).stories[0].passes, true);
    const unset = open(decode(setPasses(prd, new Map([["US-001", false]]))));
    assert.deepEqual([unset.stories[0].passes, unset.stories[0].disagree], [false, undefined]);
  });
}

Deno.test("state: what disagrees is said, with what says what", () => {
  assert.deepEqual(remarksOf(open("### [x] US-001: A\n**Status:** Open\n- [ ] a\n")), [
    "US-001 counts as open: it is done by the box in its heading, open by its boxes and its status",
  ]);
  assert.deepEqual(stateOf([]), { passes: false });
});

Deno.test("state: a story without boxes gets one in its heading, once, and its list are its criteria", () => {
  const prd = open(
    "### US-001: A\n**Acceptance Criteria:**\n- a\n  and more\n- b\n### US-002: B ✅\n### [ ] US-003: C\n" +
      "### US-004: D\n- [ ] d\n### US-005: E\n**Status:** Open\n",
  );
  assert.deepEqual(prd.stories[0].criteria, [{ text: "a\n  and more" }, { text: "b" }]);
  assert.deepEqual(prd.stories.map(({ marks }) => marks), [
    ["heading"],
    ["heading"],
    ["heading"],
    undefined,
    ["status"],
  ]);
  const text = decode(withBoxes(prd));
  assert.match(
    text,
    /^### \[ \] US-001: A\n[^]*### \[x\] US-002: B ✅\n### \[ \] US-003: C\n### US-004/,
  );
  assert.deepEqual(withBoxes(open(text)), encode(text));
  assert.deepEqual(open(text).stories.map(({ passes }) => passes), [
    false,
    true,
    false,
    false,
    false,
  ]);
});

Deno.test("state: a json story's members that say how far it is move together, in the PRD's own words", () => {
  const text = `{"stories": [
    {"id": "A", "status": "completed"},
    {"id": "B", "passes": false, "status": "pending", "completedAt": null}
  ]}`;
  const prd = open(text, "/p/prd.json");
  assert.deepEqual(prd.stories[1].marks, ['"passes": true', '"status": "completed"']);
  const set = decode(setPasses(prd, new Map([["A", false], ["B", true]])));
  assert.equal(
    set,
    text.replace("completed", "x").replace("pending", "completed").replace("x", "pending")
      .replace("false", "true"),
  );
  const both = open(text.replace("pending", "completed"), "/p/prd.json");
  assert.deepEqual(remarksOf(both), ["B counts as open: it is done by `status`, open by `passes`"]);
});

Deno.test("state: a claim is taken back to what was there, with what the agent marked beside it", () => {
  const before = open(
    `[{"id": "A", "passes": false, "completedAt": null}, {"id": "B"}]`,
    "/p/a.json",
  );
  const now = open(
    `[{"id": "A", "notes": "n", "passes": true, "completedAt": "2026", "status": "done"},
      {"id": "B", "done": true}]`,
    "/p/a.json",
  );
  assert.equal(
    decode(restoreStates(now, openStories(before), ["A", "B"])),
    `[{"id": "A", "notes": "n", "passes": false, "completedAt": null},\n      {"id": "B"}]`,
  );
  const boxes = "### [ ] US-001: A\n**Status:** Half of it\n- [X] by a person\n- [~] b\n";
  const ticked = boxes.replace("# [ ]", "# [x]").replace("~", "x");
  assert.equal(decode(restoreStates(open(ticked), openStories(open(boxes)), ["US-001"])), boxes);
});

const mark = fc.constantFrom(" ", "x", "X", "", "/", "✓");
const story = fc.record({
  fields: fc.constantFrom(
    "",
    "**Priority:** 1 | **Status:** Done | **Size:** M",
    "**Priority:** 1 · **Passes:** false",
  ),
  box: fc.constantFrom("", "[ ] ", "[x] ", "[] "),
  check: fc.constantFrom(
    "",
    " ✅",
    "  ✔️ ##",
    " [x]",
    " [ ] ##",
    " ✅ DONE",
    " (done)",
    " — Done (2026-01-02) ##",
  ),
  status: fc.constantFrom(
    "",
    "**Status:** Open",
    "- _Status_: ✅ Done (x)",
    "- **Passes:** yes",
    "**Estado:** ✅ Completada",
    "_Status: 🟡 In progress, but not all_",
    "**Status:** [ ] Done",
    "Status: Wartet é",
  ),
  marks: fc.array(mark, { maxLength: 3 }),
  end: fc.constantFrom("\n", "\r\n"),
});
const member = fc.constantFrom(
  '"passes": false',
  '"passes":true',
  '"status": "todo"',
  '"status": "Done"',
  '"completed": false',
  '"done": true',
  '"passed": true',
  '"isComplete": false',
  '"state": "passing"',
  '"verified": true',
  '"completedAt": null',
  '"notes": "é"',
);

const markdown = fc.array(story, { minLength: 1, maxLength: 4 }).map((stories) => ({
  path: "/p/prd.md",
  text: stories.map(({ box, check, status, fields, marks, end }, i) =>
    [`### ${box}US-${i}: Ä${check}`, status, fields, ...marks.map((one) => `- [${one}] a`), ""]
      .join(end)
  ).join(""),
}));
const json = fc.array(fc.uniqueArray(member, { selector: (one) => one.split('"')[1] }), {
  minLength: 1,
  maxLength: 4,
}).map((stories) => ({
  path: "/p/prd.json",
  text: `[${
    stories.map((members, i) => `{${[`"id": ${i}`, ...members].join(", ")}}`).join(",\n")
  }]`,
}));

Deno.test("state: what is ticked and taken back reads as before, byte for byte", () => {
  fc.assert(
    fc.property(fc.oneof(markdown, json), ({ path, text }) => {
      const prd = open(text, path);
      const ids = prd.stories.filter(({ passes }) => !passes).map(({ id }) => id);
      const set = open(decode(setPasses(prd, new Map(ids.map((id) => [id, true])))), path);
      assert(set.stories.every(({ passes, disagree }) => passes && disagree === undefined));
      assert.equal(decode(restoreStates(set, openStories(prd), ids)), text);
      const all = new Map(prd.stories.map(({ id }) => [id, false]));
      const unset = open(decode(setPasses(prd, all)), path);
      assert(unset.stories.every(({ passes, disagree }) => !passes && disagree === undefined));
      const names = (some: typeof prd) =>
        some.stories.map(({ id, title, line }) => [id, title, line]);
      assert.deepEqual(names(unset), names(prd));
    }),
    { numRuns: 500 },
  );
});
