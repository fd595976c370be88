import assert from "node:assert/strict";
import * as path from "node:path";
import { RalphError } from "../../../src/error.ts";
import { parsePrd, setPasses, type Story } from "../../../src/task/prd.ts";

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
  ["# US-001: Title", undefined],
  ["##### US-001: Title", undefined],
  ["    ### US-001: Title", undefined],
  ["###US-001: Title", undefined],
  ["### Title US-001", undefined],
  ["### US001: Title", undefined],
  ["> ### US-001: Title", undefined],
  ["US-001: Title", undefined],
];

for (const [heading, expected] of HEADINGS) {
  Deno.test(`prd.md: heading \`${heading}\``, () => {
    if (expected === undefined) {
      assert.throws(() => storiesOf(heading + BOX), /:1:1: it has no user stories/);
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
  ["- [x]a", "none"],
  ["-[x] a", "none"],
  ["[x] a", "none"],
  ["> - [x] a", "none"],
  ["- [y] a", "none"],
];

for (const [line, boxes] of BOXES) {
  Deno.test(`prd.md: line \`${line}\``, () => {
    const text = `### US-001: A\r\n${line}\r\n`;
    if (boxes === "none") assert.throws(() => storiesOf(text), /:1:1: `US-001` has no box to tick/);
    else assert.deepEqual(storiesOf(text).map(summary), [`US-001 ${boxes}`]);
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
  ["# PRD\n\n- [ ] a\n", /:1:1: it has no user stories$/],
  ["### US-001: A\n- [ ] a\n### US-002: B\ntext\n", /:3:1: `US-002` has no box to tick, so it/],
  ["### SHOP-1: A\n- [ ] a\n### SHOP-2: B\n", /:3:1: `SHOP-2` has no box to tick/],
  ["### US-001: A\n- [ ] a\n## US-001: B\n- [ ] b", /:3:1: the id `US-001` is .* line 1 too$/],
  [
    "### US-001: A\n**Depends on:** US-9\n- [ ] a",
    /:1:1: `US-001` depends on `US-9`, which is not/,
  ],
  [
    "### US-1: A\n**Depends on:** US-2\n- [ ] a\n### US-2: B\n**Depends on:** US-1\n- [ ] b",
    /:1:1: stories wait for each other in a circle: `US-1` → `US-2` → `US-1`$/,
  ],
  ["### US-001: A\n**Priority:** soon\n- [ ] a", /:1:1: the priority of `US-001` is `soon`$/],
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
