import assert from "node:assert/strict";
import * as path from "node:path";
import { RalphError } from "../../../src/error.ts";
import { parsePrd, type Story } from "../../../src/task/prd.ts";
import { setPasses } from "../../support/prd.ts";
import { GENEROUS_MS } from "../../support/wait.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
const file = (text: string) => ({ path: "/p/tasks/x/prd.md", bytes: encode(text) });
const storiesOf = (text: string) => parsePrd(file(text)).stories;

/** `US-001 3/5` for a story with three of five boxes ticked. */
function summary({ id, criteria }: Story): string {
  return `${id} ${criteria.filter(({ ticked }) => ticked).length}/${criteria.length}`;
}

const realPath = path.join(import.meta.dirname ?? "", "../../fixtures/server-management/prd.md");

Deno.test("prd.md: the PRD that this program was written for", () => {
  const bytes = Deno.readFileSync(realPath);
  const prd = parsePrd({ path: realPath, bytes });
  assert.equal(prd.title, "OpenCode Server Management Overhaul");
  assert.match(prd.description, /^Ralph's current OpenCode server management has several/);
  assert.deepEqual(
    prd.stories.map((story) => `${story.line} ${summary(story)} ${story.title}`),
    [
      "23 US-001 0/5 Fix attach status corruption",
      "33 US-002 0/5 Fix status display for dead servers",
      "43 US-003 0/6 Add task name resolution",
      "54 US-004 0/7 Remove server lifecycle from Ralph",
      "66 US-005 0/6 Connect to systemd-managed server",
      "77 US-006 0/5 Pass directory parameter to server",
      "87 US-007 0/6 Update attach for global server",
      "98 US-008 0/6 Migrate existing database entries",
      "109 US-009 0/6 Update stop and checkpoint commands",
      "120 US-010 0/5 Handle attach session targeting",
      "130 US-011 0/6 Document systemd setup",
    ],
  );
  assert.match(prd.stories[1].description, /^As a user, I want `ralph status` to clearly/);
  assert.equal(
    prd.stories[1].criteria[1].text,
    "Sessions with status `stopped`/`completed`/`failed` show `\u00e2\u20ac\u201d` or no port",
  );
  assert(prd.stories.every(({ notes, passes }) => notes === "" && !passes));
});

Deno.test("prd.md: the real PRD, story by story to the end and back, byte for byte", () => {
  const original = Deno.readFileSync(realPath);
  const { stories } = parsePrd({ path: realPath, bytes: original });
  let bytes: Uint8Array = original;
  for (const { id } of stories) {
    bytes = setPasses({ path: realPath, bytes }, { storyId: id, passes: true });
  }
  assert(parsePrd({ path: realPath, bytes }).stories.every(({ passes }) => passes));
  assert.equal(decode(bytes).replaceAll("- [x]", "- [ ]"), decode(original));
  for (const { id } of stories) {
    bytes = setPasses({ path: realPath, bytes }, { storyId: id, passes: false });
  }
  assert.deepEqual(bytes, new Uint8Array(original));
});

Deno.test("prd.md: every field that is named", () => {
  const prd = parsePrd(file(`# PRD: Shop

Sells things.

## User Stories

### US-001: Log in
**Priority:** P1
**Depends on:** US-002, [US-003](#us-003)
**Description:** As a user
I want a form.

It has two fields.

**Acceptance Criteria:**
- [x] Form
  with a button
  - and a label
- [ ] Typecheck passes
- no box

**Technical Notes:** use the old one
#### Sketch
\`\`\`
- [ ] no criterion
\`\`\`

---

### US-002 - Second
- [X] a
### US-003 – Third
- [x] b
`));
  assert.equal(prd.title, "Shop");
  assert.equal(prd.description, "Sells things.");
  assert.equal(prd.format, "markdown");
  assert.deepEqual(prd.stories.map(({ title, passes }) => [title, passes]), [
    ["Log in", false],
    ["Second", true],
    ["Third", true],
  ]);
  assert.deepEqual(prd.stories[0], {
    id: "US-001",
    title: "Log in",
    description: "As a user\nI want a form.\n\nIt has two fields.",
    criteria: [
      { text: "Form\n  with a button\n  - and a label", ticked: true },
      { text: "Typecheck passes", ticked: false },
    ],
    priority: 1,
    passes: false,
    notes: "- no box\n\n**Technical Notes:** use the old one\n#### Sketch\n" +
      "```\n- [ ] no criterion\n```",
    dependsOn: ["US-002", "US-003"],
    line: 7,
  });
});

const BOX = "\n- [ ] a";
const HEADINGS: readonly [heading: string, idAndTitle: string | undefined][] = [
  ["## US-001: Title", "US-001|Title"],
  ["#### US-001: Title", "US-001|Title"],
  ["   ### US-001: Title ###", "US-001|Title"],
  ["### US-001: C#", "US-001|C#"],
  ["### US-2.1.1: Title", "US-2.1.1|Title"],
  ["### SHOP-123: Title", "SHOP-123|Title"],
  ["### AUTH-US-3: Title", "AUTH-US-3|Title"],
  ["### US-001b: Title", "US-001b|Title"],
  ["### US-001 - Title - more", "US-001|Title - more"],
  ["### US-001 – Title", "US-001|Title"],
  ["### US-001 — Title", "US-001|Title"],
  ["### US-001. Title", "US-001|Title"],
  ["### US-001 Title", "US-001|Title"],
  ["### US-001: `code` à la carte", "US-001|`code` à la carte"],
  ["### US-001", "US-001|"],
  ["### **US-001: Title**", "US-001|Title"],
  ["### **US-001**: a **bold** one", "US-001|a **bold** one"],
  ["### ✅ US-001: Title", "US-001|Title"],
  ["### [US-001]: Title", "US-001|Title"],
  ["###\tUS-001:\tTitle", "US-001|Title"],
  ["# US-001: Title", "US-001|Title"],
  ["##### US-001: Title", "US-001|Title"],
  ["### US-R01: Title", "US-R01|Title"],
  ["### US-002A: Title", "US-002A|Title"],
  ["### US2: Title", "US2|Title"],
  ["### 2. US-002: Title", "US-002|Title"],
  ["### 2) US-002: Title", "US-002|Title"],
  ["### Story US-001: Title", "US-001|Title"],
  ["### User Story US-001: Title", "US-001|Title"],
  ["### [x] US-001: Title", "US-001|Title"],
  ["### [ ] **US-001: Title**", "US-001|Title"],
  ["# PRD-12: Title", undefined],
  ["    ### US-001: Title", undefined],
  ["###US-001: Title", undefined],
  ["### Title US-001", undefined],
  ["### US001: Title", "US001|Title"],
  ["> ### US-001: Title", undefined],
  ["US-001: Title", undefined],
];

for (const [heading, expected] of HEADINGS) {
  Deno.test(`prd.md: heading \`${heading}\``, () => {
    if (expected === undefined) {
      assert.throws(() => storiesOf(heading + BOX), /:1:1: (it has no user stories|.*is not read)/);
    } else {
      assert.deepEqual(storiesOf(heading + BOX).map((s) => `${s.id}|${s.title}`), [expected]);
    }
  });
}

const BOXES: readonly [line: string, boxes: string][] = [
  ["- [ ] a", "0/1"],
  ["* [x] a", "1/1"],
  ["+ [X] a", "1/1"],
  ["1. [ ] a", "0/1"],
  ["12) [x] a", "1/1"],
  ["\t- [x] a", "1/1"],
  ["        - [ ] a", "0/1"],
  ["-\t[x]\ta", "1/1"],
  ["- [ ]", "0/1"],
  ["- [] a", "0/1"],
  ["- [/] a", "0/1"],
  ["- [-] a", "0/1"],
  ["- [x](https://a.example)", "none"],
  ["- [x]a", "1/1"],
  ["- [ ]a", "0/1"],
  ["- [✓] a", "1/1"],
  ["- [✔️] a", "1/1"],
  ["- [✅] a", "1/1"],
  ["- [☑] a", "1/1"],
  ["- [!] a", "0/1"],
  ["- [P] a", "0/1"],
  ["- [x][1]", "none"],
  ["-[x] a", "none"],
  ["[x] a", "none"],
  ["> - [x] a", "none"],
  ["- [y] a", "none"],
];

for (const [line, boxes] of BOXES) {
  Deno.test(`prd.md: line \`${line}\``, () => {
    const text = `### US-001: A\r\n${line}\r\n`;
    if (boxes === "none") {
      assert.deepEqual(storiesOf(text).map(({ criteria, marks }) => [criteria, marks]), [
        [[], ["heading"]],
      ]);
    } else assert.deepEqual(storiesOf(text).map(summary), [`US-001 ${boxes}`]);
  });
}

const SECTIONS: readonly [what: string, text: string, stories: string[]][] = [
  [
    "boxes outside of stories do not count",
    "## Goals\n- [ ] g\n### US-001: A\n- [x] a\n## Metrics\n- [ ] m\n",
    ["US-001 1/1"],
  ],
  [
    "a heading below the story's belongs to it",
    "### US-001: A\n#### Criteria\n- [x] a\n##### Deep\n- [ ] b\n",
    ["US-001 1/2"],
  ],
  [
    "a heading of the same level ends it",
    "### US-001: A\n- [x] a\n### Open questions\n- [ ] b\n",
    ["US-001 1/1"],
  ],
  [
    "a story inside a story ends it",
    "## US-001: A\n- [x] a\n### US-001.1: B\n- [ ] b\n",
    ["US-001 1/1", "US-001.1 0/1"],
  ],
  [
    "a rule ends nothing",
    "### US-001: A\n- [x] a\ntext\n---\n- [ ] b\n",
    ["US-001 1/2"],
  ],
  [
    "backtick fences",
    "### US-001: A\n```md\n### US-002: B\n- [ ] b\n~~~\n````\n- [x] a\n",
    ["US-001 1/1"],
  ],
  [
    "tilde fences",
    "### US-001: A\n~~~~ `md`\n- [ ] b\n~~~\n```\n~~~~~\n- [x] a\n",
    ["US-001 1/1"],
  ],
  [
    "fences in lists",
    "### US-001: A\n- [x] a\n  ```\n  - [ ] b\n  ```\n- ```js\n  - [ ] c\n  ```\n- [x] d\n",
    ["US-001 2/2"],
  ],
  ["code in a line is no fence", "### US-001: A\n```x``` is code\n- [x] a\n", ["US-001 1/1"]],
  [
    "comments",
    "<!-- ### US-000: T\n- [ ] x\n-->\n### US-001: A\n<!-- - [ ] b -->\n- [x] a <!-- c\n- [x] d\n",
    ["US-001 2/2"],
  ],
  [
    "numbered headings without boxes are no stories",
    "### US-001: A\n- [x] a\n### FR-1: must\n### HTTP-2 and more\ntext\n",
    ["US-001 1/1"],
  ],
  [
    "one of them inside a story takes nothing from it",
    "### US-001: A\n#### RFC-2119: words\ntext\n#### Criteria\n- [x] a\n",
    ["US-001 1/1"],
  ],
  [
    "a heading that only speaks of a story is none",
    "### US-001: A\n- [x] a\n### US-001 and others\ntext\n",
    ["US-001 1/1"],
  ],
  ["line ends of all kinds", "### US-001: A\r- [x] a\r\n- [ ] b\n\r\n- [x] c", ["US-001 2/3"]],
  ["a byte order mark", "\ufeff### US-001: A\n- [x] a", ["US-001 1/1"]],
  ["a label named like a method", "### US-001: A\n**Constructor:** x\n- [x] a", ["US-001 1/1"]],
];

for (const [what, text, stories] of SECTIONS) {
  Deno.test(`prd.md: ${what}`, () => assert.deepEqual(storiesOf(text).map(summary), stories));
}

const FIELDS: readonly [text: string, field: keyof Story, value: unknown][] = [
  ["**Priority:** 2", "priority", 2],
  ["**Priority**: P0", "priority", 0],
  ["- **Priority:** 3 (low)", "priority", 3],
  ["**Priority:** 🔴 High", "priority", 1],
  ["#### Priority\n\n7\n\ntext", "priority", 7],
  ["no label", "priority", Infinity],
  ["  **depends on:** US-002.", "dependsOn", ["US-002"]],
  ["**Dependencies:**\n\n- US-002 (the table)\n- US-002\n\ntext US-009", "dependsOn", ["US-002"]],
  ["**Depends on:** None", "dependsOn", []],
  ["**Review:** false", "review", false],
  ["- **Review**: none\nAs a user", "review", false],
  ["**Review:** by Ann, on Monday", "review", undefined],
  ["**Review:** by Ann, on Monday", "notes", "**Review:** by Ann, on Monday"],
  ["As a user", "description", "As a user"],
  ["**Priority:** 1\nAs a user\n", "description", "As a user"],
  ["**Priority:**\n1\nAs a user\n", "description", "As a user"],
  ["#### Description\n\nAs a user\n\n#### Notes\nx", "description", "As a user"],
  ["**User Story:** As a user", "description", "As a user"],
  ["text\n**Notes:** mind\nthe gap", "notes", "mind\nthe gap"],
  ["**Design:** blue\nand so on", "notes", "**Design:** blue\nand so on"],
];

for (const [text, field, value] of FIELDS) {
  Deno.test(`prd.md: ${field} of ${JSON.stringify(text)}`, () => {
    const [story] = storiesOf(`### US-001: A\n${text}\n- [ ] a\n### US-002: B\n- [ ] b\n`);
    assert.deepEqual(story[field], value);
  });
}

const FAULTS: readonly [text: string, message: RegExp][] = [
  ["", /:1:1: it has no user stories$/],
  [
    "# PRD\n\n- [ ] a\n",
    /:1:1: it has no user stories: its boxes are below no heading with an id$/,
  ],
  ["### US-001: A\n- [ ] a\n## US-001: B\n- [ ] b", /:3:1: the id `US-001` is .* line 1 too$/],
  [
    "### US-001: A\n**Depends on:** US-9\n- [ ] a",
    /:1:1: `US-001` depends on `US-9`, which is not/,
  ],
  [
    "### US-1: A\n**Depends on:** US-2\n- [ ] a\n### US-2: B\n**Depends on:** US-1\n- [ ] b",
    /:1:1: stories wait for each other in a cycle: `US-1` → `US-2` → `US-1`$/,
  ],
  [
    "### US-001: A\n- [ ] a\n  ```\n### US-002: B\n",
    /:3:1: a code block begins here and never ends$/,
  ],
  ["### US-001: A\n- [ ] a\n<!--\n### US-002: B\n", /:3:1: a comment begins here and never ends$/],
  ["\ufeff\n```", /:2:1: a code block begins here/],
];

for (const [text, message] of FAULTS) {
  Deno.test(`prd.md: refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => storiesOf(text), (error) => {
      assert(error instanceof RalphError);
      assert.equal(error.kind, "usage");
      assert.match(error.message, /^cannot read the PRD at \/p\/tasks\/x\/prd\.md:\d+:\d+: /);
      assert.match(error.message, message);
      return true;
    });
  });
}

const CHANGES: readonly [before: string, passes: boolean, after: string][] = [
  [
    "### US-001: A\r\n- [ ] a\r\n\t* [X] b\r\n- [/] c\n- [] d\n## Goals\n- [ ] g",
    true,
    "### US-001: A\r\n- [x] a\r\n\t* [X] b\r\n- [x] c\n- [x] d\n## Goals\n- [ ] g",
  ],
  [
    "### US-001: A\r\n- [x] a\r\n\t* [X] b\r\n- [/] c\n- [] d\n## Goals\n- [x] g",
    false,
    "### US-001: A\r\n- [ ] a\r\n\t* [ ] b\r\n- [/] c\n- [] d\n## Goals\n- [x] g",
  ],
];

for (const [before, passes, after] of CHANGES) {
  Deno.test(`prd.md: setPasses ${passes} for ${JSON.stringify(before)}`, () => {
    assert.equal(decode(setPasses(file(before), { storyId: "US-001", passes })), after);
  });
}

Deno.test("prd.md: bytes that are not UTF-8 stay as they are", () => {
  const text = "### US-001: caf\xe9 \x97 \xa0\x85\n\xff- [ ] no\n- [ ] a\xa0\x85\xfe\n";
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const [story] = parsePrd({ path: "prd.md", bytes }).stories;
  assert.equal(story.title, "caf\ufffd \ufffd \ufffd\ufffd");
  assert.deepEqual(story.criteria, [{ text: "a\ufffd\ufffd\ufffd", ticked: false }]);
  const changed = setPasses({ path: "prd.md", bytes }, { storyId: "US-001", passes: true });
  const expected = Uint8Array.from(text.replace("- [ ] a", "- [x] a"), (c) => c.charCodeAt(0));
  assert.deepEqual(changed, expected);
});

Deno.test("prd.md: what names no story orders nothing, refuses nothing, and is told", () => {
  const [first] = storiesOf(
    "### US-001: A\n**Priority:** soon\n**Dependencies:** Stripe SDK, UTF-8, US-002\n- [ ] a\n" +
      "### US-002: B\nBlocked by: none\n- [ ] b\n",
  );
  assert.deepEqual([first.priority, first.dependsOn], [Infinity, ["US-002"]]);
  assert.match(first.notes, /Depends on: Stripe SDK, UTF-8, US-002/);
});

Deno.test("prd.md: where stories are `US-`, headings with other ids above and below them are none", () => {
  const stories = storiesOf(
    "# P\n## EPIC-1: Foundation\n- [ ] all of it\n### US-001: A\n- [ ] a\n#### AC-1: works\n- [ ] b\n" +
      "### US-002: B\n- [x] c\n",
  );
  assert.deepEqual(stories.map(({ id, criteria }) => [id, criteria.length]), [
    ["US-001", 2],
    ["US-002", 1],
  ]);
});

Deno.test("prd.md: what has boxes as the stories have, and is none, is never dropped", () => {
  const unread: readonly string[] = [
    "### US-001: A\n- [x] a\n### Bug fix: Four\n- [ ] d\n",
    "## A\n### US-001: A\n- [x] a\n## Other\n### Bug fix\n- [ ] d\n",
    "### US-001: A\n- [x] a\n### Log out\n**Acceptance Criteria:**\n- a button\n",
    "## Stories\n### Set up the project\n- [ ] d\n### US-001: A\n- [x] a\n",
    "### US-001: A\n- [x] a\n### Add unit tests for login\n- [ ] d\n",
    "### US-001: A\n- [x] a\n### Order status page\n- [ ] d\n",
    "## Stories\n### US-001: A\n- [x] a\n## Bugs\n#### BUG-1: Fix login\n- [ ] d\n",
    "## T-1: One\n- [ ] d\n## T-2: Two\n- [ ] e\n### US-001: A\n- [x] a\n",
    "# P\n### US-001: A\n- [x] a\n# Q\n#### TASK-1: B\n- [ ] d\n",
  ];
  for (const text of unread) {
    assert.throws(() => storiesOf(text), /has (boxes|criteria) as the stories have, and /, text);
  }
  const read = (text: string) => storiesOf(`### US-001: A\n- [ ] a\n${text}`).map(({ id }) => id);
  for (
    const heading of [
      "Definition of Done",
      "Quality gates",
      "Technical Considerations",
      "Release checklist",
    ]
  ) {
    assert.deepEqual(read(`### ${heading}\n- [ ] d\n`), ["US-001"], heading);
  }
  assert.deepEqual(read("## Release checklist\n### Bug fix\n- [ ] d\n"), ["US-001"]);
  assert.deepEqual(read("## Other\n### Bug fix\n- [x] d\n"), ["US-001"]);
  assert.deepEqual(read("#### AC-1: in it\n- [ ] d\n"), ["US-001"]);
});

Deno.test("prd.md: a title that looks like a story is one only where none are below it", () => {
  const ids = storiesOf("# US-42: Payments\n## US-42.1: A\n- [ ] a\n## US-42.2: B\n- [ ] b\n")
    .map(({ id }) => id);
  assert.deepEqual(ids, ["US-42.1", "US-42.2"]);
});

Deno.test("prd.md: stories that a person has taken out are told, and are no stories", () => {
  const text =
    "### ~~US-001: Old~~ (removed)\n- [ ] a\n### US-002: B\n**Depends on:** US-001\n- [ ] b\n" +
    "### US-003: C (deferred)\n- [ ] c\n### US-004: D\n**Status:** Cancelled\n- [ ] d\n" +
    "## Out of scope\n### US-005: E\n- [ ] e\n## More\n### US-006: F\n**Status:** In progress\n- [ ] f\n";
  const bytes = new TextEncoder().encode(text);
  const prd = parsePrd({ path: "/p/prd.md", bytes });
  assert.deepEqual(prd.stories.map(({ id, dependsOn }) => [id, dependsOn]), [
    ["US-002", []],
    ["US-006", []],
  ]);
  assert.deepEqual(prd.leftOut.map(({ id, why }) => `${id}: ${why}`), [
    "US-001: its heading is struck through",
    "US-003: its heading says (deferred)",
    "US-004: its status is Cancelled",
    "US-005: it is below `Out of scope`",
  ]);
});

Deno.test("prd.md: which words take a story out, and which only speak of such", () => {
  const left = (text: string) =>
    parsePrd(file(`### US-000: Z\n- [ ] z\n${text}\n- [ ] a\n`)).leftOut.length;
  for (
    const heading of [
      "### US-001: ~~Old~~",
      "### ~~[ ] US-001: Old~~",
      "### US-001: Old [WON'T DO]",
      "### US-001: Old (deferred to v2)",
      "### US-001: [REMOVED] Old",
      "### US-001: Old — Deferred",
      "### US-001: Old\n**Status**: ⏸️ On hold",
      "### US-001: Old\nStatus: blocked",
      "## 5. Out of Scope (v1)\n### US-001: Old",
      "## Future considerations\n### US-001: Old",
      "## Deferred stories\n### US-001: Old",
      "## Phase 2 (deferred)\n### US-001: Old",
      "## Out-of-scope\n### US-001: Old",
      "## ~~Dropped: reports~~\n### US-001: Old",
      "## Phase 3 - Out of scope\n### US-001: Old",
      "## Deferred to v2\n### US-001: Old",
      "## Removed from this release\n### US-001: Old",
      "### US-001: Old (rejected)",
      "### US-001: Old (merged into US-000)",
      "## Stories out of scope\n### US-001: Old",
      "## On hold until Q3\n### US-001: Old",
      "## Not in this release\n### US-001: Old",
      "### US-001: Old (removed in favour of US-000)",
      "### US-001: Old (DEFERRED - see US-000)",
      "### US-001: REMOVED: Old",
      "### US-001: <del>Old</del>",
      "### US-001: Old\n**Status:** Won\u2019t do",
      "### US-001: Old\n**Status:** out_of_scope",
    ]
  ) assert.equal(left(heading), 1, heading);
  for (
    const heading of [
      "### US-001: Render ~~strikes~~ in text",
      "### US-001: Show (removed) beside a name",
      "### US-001: List what is removed",
      "### US-001: A skipped-test report",
      "### US-001: New\n**Status:** Blocked by US-000",
      "### US-001: New\n**Status:** Not removed",
      "## Deferred rendering\n### US-001: New",
      "## Later stages of the pipeline\n### US-001: New",
      "## Future trips page\n### US-001: New",
      "## Skip to content\n### US-001: New",
      "## Removed from cart\n### US-001: New",
      "## Archived items\n### US-001: New",
      "## Future-proofing the API\n### US-001: New",
      "### US-001: New\n- Status: Cancelled",
    ]
  ) assert.equal(left(heading), 0, heading);
});

Deno.test("prd.md: a heading as long as a book takes no time to read", () => {
  const started = performance.now();
  storiesOf(`### US-001: A\n- [ ] a\n## Later ${"()".repeat(4_000)}a\n`);
  assert(performance.now() - started < GENEROUS_MS); // it took minutes
});

Deno.test("prd.md: a box of a story that is written so that it is not read is an error", () => {
  for (
    const line of ["-[ ] b", "[ ] b", "- \u2610 b", "\u2610 b", "- \u2b1c b", "\u2013 [ ] b"]
      .concat("- [  ] b", "a. [ ] b", "- ( ) b", "- **[ ]** b", "-- [ ] b", "| [ ] | b |")
  ) {
    assert.throws(
      () => storiesOf(`### US-001: A\n- [x] a\n${line}\n`),
      /:3:1: a box of `US-001` is written so that it is not read$/,
      line,
    );
  }
  assert.equal(storiesOf("### US-001: A\n- [x] a\n\u2022 [ ] b\n")[0].passes, false);
  for (
    const line of ["[ ](a.md)", "> - [ ] quoted", "- a [ ] b", "```\n-[ ] b\n```", "| a | b |"]
  ) {
    assert.equal(storiesOf(`### US-001: A\n- [x] a\n${line}\n`)[0].passes, true, line);
  }
});

Deno.test("prd.md: a heading beside the stories that names one in another form is an error", () => {
  const read = (heading: string) => storiesOf(`### US-001: A\n- [x] a\n### ${heading}\nwords\n`);
  for (
    const heading of ["US 002: B", "US\u2014002: B", "US\u2011006: B", "US - 002", "Story 3: B"]
      .concat("[P1] US-002: B", "TODO: US-002", "Phase 2 - US-002: B", "B (US-002)", "[ ] Logout")
  ) assert.throws(() => read(heading), /:3:1: .* may be a story, and is not read/, heading);
  for (const heading of ["Notes on US-001", "Story", "US customers", "Sales in US 50 states"]) {
    assert.equal(read(heading).length, 1, heading);
  }
});

const HIDDEN: readonly [lines: string, line: number, why: string][] = [
  ["###US-002: B\n- [ ] b", 3, "there is no space after its `#`s"],
  ["### US-001b: C\n- [ ] c\n##US-001: again", 5, "there is no space after its `#`s"],
  ["**US-002: B**\n\n- [ ] b", 3, "it is bold text, and no heading"],
  ["- **US-002** - B", 3, "it is bold text, and no heading"],
  ["<h3 id=b>US-002: B</h3>\n\n- [ ] b", 3, "it is a heading in HTML"],
  ["> ### US-002: B\n> - [ ] b", 3, "it is in a quote"],
  ["\nUS-002: B\n---\n- [ ] b", 4, "it is a line of text"],
  ["\nUS-002: B\n\n- [ ] b", 4, "it is a line of text"],
  ["## More\n| US-002 | B |", 4, "it is a row of a table"],
  ["## More\n- [ ] US-002: B", 4, "it is an item of a list or a line of text"],
  ["### US-002 B and more\n- b", 3, "it has no boxes, and no `:` stands behind its id"],
  ["## More\n1. US-2.1 – B", 4, "it is an item of a list or a line of text"],
];

for (const [text, line, why] of HIDDEN) {
  Deno.test(`prd.md: a story is never lost in silence: ${JSON.stringify(text)}`, () => {
    assert.throws(() => storiesOf(`### US-001: A\n- [ ] a\n${text}\n`), (error) => {
      assert(error instanceof RalphError);
      assert.match(error.message, new RegExp(`:${line}:1: .*may be a story, and is not read: `));
      assert(error.message.endsWith(why), error.message);
      assert.match(error.hints[0].text, /write it as a heading, `### US-/);
      return true;
    });
  });
}

Deno.test("prd.md: what speaks of stories is none of them", () => {
  for (
    const text of [
      "**US-001:** see above",
      "- [ ] US-002 comes later",
      "- [ ] US-001.1: a criterion",
      "**Note:** US-009 does the rest",
      "```\n###US-002: B\n```",
      "<!--\n###US-002: B\n-->",
      "## Overview\n| US-001 | A |\n- US-001: A",
      "## Dependencies\n- US-009: in another PRD",
      "## Out of scope\n- US-009: not now",
      "## Plan\n- RFC-2119: words",
    ]
  ) assert.equal(storiesOf(`### US-001: A\n- [ ] a\n${text}\n`).length, 1, text);
});

Deno.test("prd.md: of a PRD without headings for its stories the error says what is in their place", () => {
  const fault = (text: string) => {
    try {
      return storiesOf(text);
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.match(`${fault("# P\n\n| US-001 | One | no |\n")}`, /:3:1: `US-001` .* a row of a table$/);
  assert.match(
    `${fault("# P\n\n## Goals\n- [ ] g\n### Phase 1: One\n- [ ] a\n")}`,
    /:5:1: it has no user stories: `Phase 1: One` has boxes, and no id$/,
  );
  assert.match(`${fault("# P\n\n- [ ] US-001: One\n")}`, /:3:1: `US-001` .* an item of a list/);
  assert.match(
    `${fault("```markdown\n# P\n### US-001: One\n- [ ] a\n```\n")}`,
    /no user stories: all of it is in a code block$/,
  );
});

Deno.test("prd.md: all that is wrong is told at once, each with its line", () => {
  const text = "### US-001: A\n- [ ] a\n-[ ] b\n### US 002: B\n- [ ] c\n### US-001: C\n- [ ] d\n" +
    "### Bug fix\n- [ ] e\n";
  assert.throws(() => storiesOf(text), (error) => {
    assert(error instanceof RalphError);
    assert.equal(
      error.message,
      "cannot read the PRD at /p/tasks/x/prd.md:3:1: a box of `US-001` is written so that it is " +
        "not read (and 3 more faults)",
    );
    assert.match(error.hints[0].text, /^write it as an item of a list/);
    assert.deepEqual(error.hints.slice(1).map(({ text }) => text.replace(/; .*/, "")), [
      "4:1: `US 002: B` has boxes as the stories have, and no id",
      "6:1: the id `US-001` is that of the story on line 1 too",
      "8:1: `Bug fix` has boxes as the stories have, and no id",
    ]);
    assert.match(error.hints[1].text, /; if it is a story, give it an id as `US-001` has/);
    return true;
  });
  const many = Array.from({ length: 14 }, () => "-[ ] b\n").join("");
  assert.throws(() => storiesOf(`### US-001: A\n- [ ] a\n${many}`), (error) => {
    assert(error instanceof RalphError);
    assert.match(error.message, / \(and 13 more faults\)$/);
    assert.equal(error.hints.at(-1)?.text, "3 more faults are not shown");
    return true;
  });
});

Deno.test("prd.md: a story in a list, in bold or in a later column of a table is not lost", () => {
  for (
    const text of [
      "- ### US-002: B\n  - [ ] b\n",
      "**US-002** B\n\n- [ ] b\n",
      "\n## More\n| # | Story | What |\n| --- | --- | --- |\n| 2 | US-002 | B |\n",
    ]
  ) {
    assert.throws(
      () => storiesOf(`### US-001: A\n- [ ] a\n${text}`),
      /`US-002` may be a story, and is not read/,
      text,
    );
  }
});

Deno.test("prd.md: an epic whose status takes it out takes its stories out", () => {
  const prd = parsePrd(file(
    "# P\n**Status:** Deferred\n## Epic 1\n### US-001: A\n- [ ] a\n## Epic 2\n\n**Status:** Deferred\n" +
      "\n### US-002: B\n- [ ] b\n## Epic 3\n### US-003: C\n- [ ] c\n",
  ));
  assert.deepEqual(prd.stories.map(({ id }) => id), ["US-001", "US-003"]);
  assert.deepEqual(prd.leftOut.map(({ id, why }) => `${id}: ${why}`), [
    "US-002: it is below `Epic 2`, whose status is Deferred",
  ]);
});

Deno.test("prd.md: open boxes that are in no story are told of", () => {
  const remarks = (text: string) => parsePrd(file(`### US-001: A\n- [ ] a\n${text}`)).remarks;
  assert.deepEqual(remarks("## Release checklist\n- [ ] tag it\n- [ ] tell\n"), [
    "the boxes below `Release checklist` (line 3) are in no story",
  ]);
  assert.deepEqual(remarks("## Definition of Done\n- [x] all\n## Out of scope\n- [ ] b\n"), []);
});

Deno.test("prd.md: what a story waits for, in the words that people use", () => {
  const stories = [1, 2, 3, 4].map((n) => `### US-00${n}: S\n- [ ] s\n`).join("");
  const needs = (text: string) =>
    storiesOf(`${stories}### US-005: E\n${text}\n- [ ] e\n`).at(-1)?.dependsOn;
  const cases: [string, string[]][] = [
    ["**Depends on: US-003**", ["US-003"]],
    ["**Requires:** US-001 and US-002", ["US-001", "US-002"]],
    ["Prerequisites: US-004", ["US-004"]],
    ["Depends on: US-001 through US-003", ["US-001", "US-002", "US-003"]],
    ["**Depends on:** US-002–US-005, US-001", ["US-002", "US-003", "US-004", "US-001"]],
    ["**Blocked by:** US-003..004", ["US-003", "US-004"]],
    ["Depends on: US-001 to 2", ["US-001", "US-002"]],
    ["Depends on: UTF-8 to UTF-16", []],
  ];
  for (const [text, ids] of cases) assert.deepEqual(needs(text), ids, text);
  assert.throws(() => needs("Depends on: US-007"), /depends on `US-007`, which is not in the PRD/);
});

Deno.test("prd.md: the criteria of a story may stand below a heading of its level", () => {
  const [a, b] = storiesOf(
    "### US-001: A\nwords\n### Acceptance Criteria\n- [ ] a\n- [x] b\n### US-002: B\n- [ ] c\n" +
      "### Acceptance Criteria\n- [ ] of all\n",
  );
  assert.deepEqual([a, b].map(summary), ["US-001 1/2", "US-002 0/1"]);
});

Deno.test("prd.md: a status counts as done only when nothing in it turns that round", () => {
  const passes = (status: string) =>
    storiesOf(`### US-001: A\n\n**Status:** ${status}\n\n**Acceptance Criteria:**\n\n- works\n`)[0]
      .passes;
  for (
    const status of [
      "Done",
      "✅ Done",
      "**Complete**",
      "100% complete",
      "done.",
      "Done ✅",
      "[Done]",
    ]
      .concat(
        "Done (2026-01-05)",
        "Completed on 2026-01-05",
        "Done (PR #12)",
        "done (tested)",
        "✅",
      )
  ) assert.equal(passes(status), true, status);
  for (
    const status of ["0% complete", "90% complete", "3/5 done", "Done?", "Done (partially)"]
      .concat(
        "Complete (tests missing)",
        "❌ Complete",
        "Done ❌",
        "⬜ Done",
        "🟡 Done",
        "~~Done~~",
      )
      .concat("Done, except the form", "Open", "Not done", "done in part, not all", "Done / Open")
  ) assert.equal(passes(status), false, status);
  const two = "### US-001: A\n**Status:** Done\n\nwords\n\n**Status:** Open\n";
  assert.equal(storiesOf(two)[0].passes, false, "of two the open one");
});

Deno.test("prd.md: marks in brackets, columns and HTML that no reader knows are no boxes in silence", () => {
  for (
    const line of [
      "- [❌] b",
      "- [✗] b",
      "- [wip] b",
      "- [TODO] b",
      "- [N/A] b",
      "- [⏳] b",
      "- [_] b",
    ]
      .concat(
        "- [\u00a0] b",
        "- [\u3000] b",
        "- \\[ ] b",
        "- b [ ]",
        "1. b [ ]",
        "- `[ ]` b",
        "- 🔲 b",
      )
      .concat("<li>[ ] b</li>", '- <input type="checkbox"> b', "| b | [ ] |", "| b | ⬜ |", "- □ b")
  ) {
    assert.throws(
      () => storiesOf(`### US-001: A\n- [x] a\n${line}\n`),
      /:3:1: a box of `US-001` is written so that it is not read$/,
      line,
    );
  }
  for (const line of ["- [API] b", "- […] b", "- [^1] b", "- ❌ never do this", "- [a](b.md)"]) {
    assert.equal(storiesOf(`### US-001: A\n- [x] a\n${line}\n`)[0].passes, true, line);
  }
});

Deno.test("prd.md: what a story excludes is not asked for, and boxes of no story are told wherever they are", () => {
  assert.throws(
    () => storiesOf("### US-001: A\n- [x] a\n#### Out of scope\n- [ ] never do this\n"),
    /:4:1: a box below `Out of scope` is in a story, as if it were asked for$/,
  );
  const text = "### US-001: A\n- [x] a\n## Appendix\n#### Migrate data\n- [ ] m\n";
  assert.deepEqual(parsePrd(file(text)).remarks, [
    "the boxes below `Migrate data` (line 4) are in no story",
  ]);
});

Deno.test("prd.md: where no heading has an id, all that have boxes are named", () => {
  assert.throws(() => storiesOf("# P\n## Phase 1\n- [ ] a\n## Phase 2\n- [ ] b\n"), (error) => {
    assert(error instanceof RalphError);
    assert.match(error.message, /:2:1: .*`Phase 1` has boxes, and no id \(and 1 more fault\)$/);
    assert.equal(error.hints[1].command, "ralph plan --from /p/tasks/x/prd.md");
    assert.match(
      error.hints[2].text,
      /^4:1: .*`Phase 2` has boxes, and no id; a story is a heading/,
    );
    return true;
  });
});

Deno.test("prd.md: an order without a colon, a priority without stars, a title behind a bracket", () => {
  const [one] = storiesOf(
    "### [US-001] One\nDepends on US-002\nPriority: P0 (critical)\n- [ ] a\n### US-002：显示\n- [ ] b\n",
  );
  assert.deepEqual([one.title, one.dependsOn, one.priority], ["One", ["US-002"], 0]);
});
