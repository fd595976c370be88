import assert from "node:assert/strict";
import { nextStory, parsePrd } from "../../../src/task/prd.ts";

const read = (text: string) =>
  parsePrd({ path: "/p/prd.md", bytes: new TextEncoder().encode(text) });

/** Each story with `+` where it passes, and what it depends on. */
const shown = (text: string) =>
  read(text).stories.map(({ id, passes, dependsOn }) =>
    [`${id}${passes ? "+" : ""}`, ...dependsOn].join(" < ")
  ).join(", ");

const LIST = "**Acceptance Criteria:**\n- it works\n";
const READ: readonly [what: string, text: string, stories: string][] = [
  [
    "ids of two numbers",
    "### US-008-01: A\n- [x] a\n### US-008-02: B\n- [ ] b\n",
    "US-008-01+, US-008-02",
  ],
  [
    "ids with a letter",
    "### US-001-A: A\n- [x] a\n### US-001-B: B\n- [ ] b\n",
    "US-001-A+, US-001-B",
  ],
  [
    "ids of an area and two numbers",
    "### AUTH-001-01: A\n- [x] a\n### AUTH-001-02: B\nb\n",
    "AUTH-001-01+, AUTH-001-02",
  ],
  [
    "ids with a date",
    "### TSK-20260526-01: A\n- [x] a\n### TSK-20260526-02: B\n- [ ] b\n",
    "TSK-20260526-01+, TSK-20260526-02",
  ],
  [
    "ids in an id",
    "### SPEC-001/US-001: A\n- [x] a\n### SPEC-002/US-001: B\n- [ ] b\n",
    "SPEC-001/US-001+, SPEC-002/US-001",
  ],
  [
    "ids behind an id",
    "### SPEC-2-US-3: A\n- [x] a\n### SPEC-2-US-4: B\n- [ ] b\n",
    "SPEC-2-US-3+, SPEC-2-US-4",
  ],
  [
    "a title behind a hyphen",
    "### US-001-Alpha\n- [ ] a\n### US-002-2fa login\n- [ ] b\n",
    "US-001, US-002",
  ],
  [
    "what depends on ids of two numbers, and on ranges of them",
    "### US-008-01: A\n- [ ] a\n### US-008-02: B\n**Depends on:** US-008-01\n- [ ] b\n" +
    "### US-008-03: C\n**Depends on:** US-008-01 to US-008-02\n- [ ] c\n" +
    "### US-008-04: D\n**Depends on:** US-008-02–03\n- [ ] d\n",
    "US-008-01, US-008-02 < US-008-01, US-008-03 < US-008-01 < US-008-02, US-008-04 < US-008-02 < US-008-03",
  ],
  [
    "a prefix for each phase",
    `## Phase 0\n### P0-1: A\n- a\n### P0-2: B\nb\n## Phase 1\n### P1-1: C\n- [x] c\n`,
    "P0-1, P0-2, P1-1+",
  ],
  [
    "other prefixes beside the usual one",
    `### US-001: A\n- [x] a\n### BUG-001: B\n${LIST}### TECH-1: C\nc\n`,
    "US-001+, BUG-001, TECH-1",
  ],
  [
    "other prefixes where none has boxes",
    `### US-001: A\n${LIST}### TECH-001: B\n${LIST}`,
    "US-001, TECH-001",
  ],
  [
    "a prefix for each area",
    "## Auth\n### AUTH-1: A\n- [x] a\n## UI\n### UI-1: B\nb\n### UI-2: C\nc\n",
    "AUTH-1+, UI-1, UI-2",
  ],
  [
    "no boxes, below a heading that says so",
    "## User Stories\n### S-1 — A\na\n### S-2 — B\nb\n",
    "S-1, S-2",
  ],
  ["no boxes, with criteria", `### HU-001: A\n${LIST}### HU-002: B\n${LIST}`, "HU-001, HU-002"],
  [
    "a word and a number",
    "## Task 1: A — DONE\n- [x] a\n## Task 2: B\n**Depends on**: Task 1\n- [ ] b\n",
    "Task 1+, Task 2 < Task 1",
  ],
  ["a letter and a number", "### F036 · A\n- [x] a\n### F037 · B\n- [ ] b\n", "F036+, F037"],
  ["a letter and two numbers", "### F1.2 - A\n- [x] a\n### F1.3 - B\n- [ ] b\n", "F1.2+, F1.3"],
  [
    "requirements, decisions and risks, which are none",
    "### US-001: A\n- [x] a\n### FR-1: must\nx\n## Decisions\n### D-1: one\nx\n## Risks\n### X-1: two\nx\n" +
    "## Design\n### Storage\nx\n### Pre-1.0 — no migration\nx\n",
    "US-001+",
  ],
];

for (const [what, text, stories] of READ) {
  Deno.test(`which headings are stories: ${what}`, () => assert.equal(shown(text), stories));
}

const REFUSED: readonly [what: string, text: string, message: RegExp][] = [
  [
    "an open item of a list beside the stories",
    "## Stories\n### US-001: A\n- [x] a\n## Bugs\n- [ ] BUG-7: B\n- [x] BUG-8: C\n",
    /:5:1: `BUG-7` may be a story, and is not read: it is an item of a list$/,
  ],
  [
    "headings with an id and nothing else",
    "# P\n\n### HU-001: A\na\n",
    /:3:1: it has no user stories: `HU-001` has no boxes, and no acceptance criteria$/,
  ],
  [
    "an id of two numbers that is not there",
    "### US-008-01: A\n- [ ] a\n### US-009-01: B\n**Depends on:** US-008-02\n- [ ] b\n",
    /:3:1: `US-009-01` depends on `US-008-02`, which is not/,
  ],
  [
    "the same id of two numbers twice",
    "### US-008-01: A\n- [ ] a\n### US-008-01: B\n- [ ] b\n",
    /:3:1: the id `US-008-01` is that of the story on line 1 too/,
  ],
  [
    "several tasks in one heading",
    "### Task 1: A\n- [x] a\n### Task 5-16: the rest\n",
    /:3:1: `Task 5` may be a story/,
  ],
  [
    "words and numbers beside headings with boxes",
    "### Task 1: A\n- [x] a\n### More\n- [ ] b\n",
    /:1:1: it has no user stories: `Task 1: A` has boxes/,
  ],
  [
    "phases, which hold what is to be done",
    "## Phase 1: A\n- [ ] a\n",
    /:1:1: it has no user stories: `Phase 1: A`/,
  ],
  [
    "open boxes in a later section",
    "## Now\n### BUG-1: A\n- [x] a\n## Release work\n### Documentation\n- [ ] b\n",
    /:5:1: `Documentation` has boxes as the stories have, and no id/,
  ],
];

for (const [what, text, message] of REFUSED) {
  Deno.test(`which headings are stories: refused is ${what}`, () => {
    assert.throws(() => read(text), message);
  });
}

Deno.test("which headings are stories: an id in a list of requirements or checks is none", () => {
  for (
    const list of [
      "## Requirements\n- [ ] X-1: a\n",
      "## Later\n- [ ] BUG-1: a\n",
      "## More\n- [ ] FR-1: a\n",
    ]
  ) {
    assert.equal(shown(`## Stories\n### US-001: A\n- [x] a\n${list}`), "US-001+", list);
  }
});

const FIRST: readonly [what: string, text: string][] = [
  [
    "what is below a heading of a higher priority",
    "## Low priority\n### US-1: A\n- [ ] a\n## High priority\n### US-2: B\n- [ ] b\n",
  ],
  ["what is below `P0`", "## P1 — later\n### US-1: A\n- [ ] a\n## P0: now\n### US-2: B\n- [ ] b\n"],
  ["a priority in a heading", "### US-1: A (P2)\n- [ ] a\n### US-2: B [P0]\n- [ ] b\n"],
  [
    "a priority below a heading",
    "## US-1: A\n### Priority: P2\n- [ ] a\n## US-2: B\n### Priority: P0 (first)\n- [ ] b\n",
  ],
  [
    "a priority beside another field",
    "### US-1: A\n**Effort:** S | **Priority:** P2\n- [ ] a\n### US-2: B\n- **Effort:** S, **Priority:** P0\n- [ ] b\n",
  ],
  ...["Deps", "Needs", "After", "Depends-On", "Blocked-by", "Predecessors", "Waits for"].map((
    name,
  ) =>
    [
      `what another waits for by \`${name}\``,
      `### US-1: A\n**${name}:** US-2\n- [ ] a\n### US-2: B\n- [ ] b\n`,
    ] as [string, string]
  ),
  [
    "what another waits for by its heading",
    "### US-1: A (depends on US-2)\n- [ ] a\n### US-2: B\n- [ ] b\n",
  ],
  [
    "what another waits for in a line with more",
    "### US-1: A\n**Size:** M | **Depends on:** US-2\n- [ ] a\n### US-2: B\n**Size:** S | **Depends on:** none\n- [ ] b\n",
  ],
];

for (const [what, text] of FIRST) {
  Deno.test(`which story is next: ${what}`, () => {
    assert.equal(nextStory(read(text).stories)?.id, "US-2");
  });
}

Deno.test("which headings are stories: what comes next among them", () => {
  assert.equal(
    nextStory(read("### US-001: A\n- [x] a\n### BUG-001: B\nb\n").stories)?.id,
    "BUG-001",
  );
});
