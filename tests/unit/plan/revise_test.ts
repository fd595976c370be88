import assert from "node:assert/strict";
import {
  openStoriesOf,
  readRevision,
  requireRevisable,
  revisedPrd,
} from "../../../src/plan/revise.ts";
import { openPrd } from "../../../src/task/prd.ts";

const open = (path: string, text: string) =>
  openPrd({ path, bytes: new TextEncoder().encode(text) });
const textOf = ({ source }: ReturnType<typeof open>) => new TextDecoder().decode(source.bytes);

const MARKDOWN = `# PRD: Sums

Some words.

## Phase 1

### US-001: Done — “already”

- [x]   a.txt exists
  and more

### US-002: Second

**Description:** The second.
**Priority:** 2

**Acceptance Criteria:**

- [ ] b.txt exists

Look at c.txt.

## Notes

Keep this.
`;

const JSON_PRD = `{
    "project": "Sums", "custom": {"kept":  1.0},
    "userStories": [
        {"id": "US-001", "title": "Done",   "acceptanceCriteria": ["a"], "passes": true, "priority": 1},
        {"id": "US-002", "title": "Second", "acceptanceCriteria": ["b"], "passes": false, "priority": 2,
         "verify": ["true"], "estimate": 3}
    ]
}
`;

const split = [
  { id: "US-002", title: "Second, smaller", description: "", criteria: ["b1"], dependsOn: [] },
  { id: "US-003", title: "Third", description: "Ü.", criteria: ["b2"], dependsOn: ["US-002"] },
];

for (const [path, text] of [["prd.md", MARKDOWN], ["prd.json", JSON_PRD]]) {
  Deno.test(`${path}: open stories are changed, added and removed; the rest stays`, () => {
    const prd = open(path, text);
    const made = revisedPrd(prd, { stories: split, questions: [] });
    const now = openPrd({ path, bytes: made.source.bytes });
    assert.deepEqual(openStoriesOf(now), split);
    const [done] = prd.entries;
    const before = textOf(prd).slice(0, textOf(prd).indexOf("US-002"));
    assert(textOf(made).startsWith(before.trimEnd().replace(/\{"id": "$/, "")), textOf(made));
    assert.equal(now.stories[0].passes, done.story.passes);
    if (path === "prd.md") assert.match(textOf(made), /Look at c\.txt\.[^]*## Notes\n\nKeep this/);
    else {
      const [, second, third] = JSON.parse(textOf(made)).userStories;
      assert.deepEqual([second.verify, second.estimate, third.priority], [["true"], 3, 2]);
      assert.match(textOf(made), /"kept": {2}1\.0/);
    }
    const gone = revisedPrd(made, { stories: [split[0]], questions: [] });
    assert.deepEqual(openStoriesOf(gone), [split[0]]);
    const stories = [...openStoriesOf(prd)];
    assert.equal(textOf(revisedPrd(prd, { stories, questions: [] })), text);
  });

  Deno.test(`${path}: what touches a done story is refused, in words for the model`, () => {
    const prd = open(path, text);
    const [second, third] = split;
    const faulty: readonly (readonly [object, RegExp])[] = [
      [{ stories: [{ ...second, id: "US-001" }] }, /US-001 is done and stays as it is/],
      [{ stories: [second, second] }, /the id US-002 comes twice/],
      [{ stories: [third, second] }, /US-003 depends on US-002, which is neither done nor before/],
      [{ stories: [{ ...second, id: "a b" }] }, /must be the story's id, or a new one/],
      [{ stories: [{ ...second, criteria: [] }] }, /^stories\[0\]\.criteria: /],
    ];
    for (const [value, fault] of faulty) {
      const read = readRevision(value, prd);
      assert("faults" in read, JSON.stringify(value));
      assert.match(read.faults[0], fault);
    }
    assert("draft" in readRevision({ stories: split }, prd));
  });
}

Deno.test("text that would make more of a section than a story is refused", () => {
  const prd = open("prd.md", MARKDOWN);
  const [second] = split;
  const texts = ["a\n\n### US-009: More\n\n- [ ] x", "a\n- [x] a box", "\n## Elsewhere\n\n- [ ] x"];
  for (const description of texts) {
    const read = readRevision({ stories: [{ ...second, description }] }, prd);
    assert("faults" in read, description);
  }
});

Deno.test("a PRD whose form allows no change is refused before a model is asked", () => {
  for (const [path, text] of [["prd.md", MARKDOWN], ["prd.json", JSON_PRD]]) {
    requireRevisable(open(path, text));
  }
  const story = (id: string) => ({ id, title: "One", acceptanceCriteria: ["a"], passes: false });
  const epics = [{ name: "A", stories: [story("US-1")] }, { name: "B", stories: [story("US-2")] }];
  assert.throws(() => requireRevisable(open("prd.json", JSON.stringify({ epics }))), {
    message: "cannot change this PRD in words: the stories are in several lists",
  });
});
