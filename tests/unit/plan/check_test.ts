import assert from "node:assert/strict";
import {
  type Checked,
  draftRemarks,
  findingWords,
  gateFindings,
  storyFindings,
} from "../../../src/plan/check.ts";
import { readFindings } from "../../../src/plan/review_prompt.ts";

const story = (facts: Partial<Checked>): Checked => ({
  id: "US-001",
  title: "Add numbers",
  description: "",
  criteria: ["`npm test` passes"],
  dependsOn: [],
  ...facts,
});
const found = (...stories: readonly Checked[]) => storyFindings(stories).map(findingWords);

Deno.test("a criterion that only praises is told, one that names what is seen is not", () => {
  const told = [
    "It works well",
    "The page looks good",
    "The code is clean and maintainable",
    "Errors are handled properly, as expected",
    "It handles all edge cases",
    "Follows best practices",
    "Everything is user-friendly, etc.",
  ];
  for (const text of told) {
    assert.match(
      found(story({ criteria: [text] }))[0] ?? "",
      /^US-001: ".+" is nothing that/,
      text,
    );
  }
  const fine = [
    "`npm run lint` works as expected and prints nothing",
    "The list is fast: 10,000 rows in 100 ms",
    "sum([]) is 0",
    "Typecheck passes",
    "Shows an error below the field",
    "README.md looks good to markdownlint",
    "Clicking on the bell opens the list of messages",
  ];
  for (const text of fine) assert.deepEqual(found(story({ criteria: [text] })), [], text);
  assert.match(found(story({ criteria: [] }))[0], /no criterion/);
  assert.match(found(story({ criteria: ["it is"] }))[0], /"it is" says too little to check/);
  assert.deepEqual(found(story({ criteria: ["`make`"] })), []);
});

Deno.test("stories that are too large are told", () => {
  const many = Array.from({ length: 9 }, (_, i) => `\`test ${i}\` succeeds`);
  assert.match(found(story({ criteria: many }))[0], /9 criteria/);
  assert.match(found(story({ description: "x".repeat(3_000) }))[0], /characters long/);
  assert.match(found(story({ title: "Rewrite the whole backend" }))[0], /"the whole backend"/);
  assert.match(found(story({ title: "Translate all pages" }))[0], /"all pages"/);
});

Deno.test("a dependency that is only in the text is told", () => {
  const first = story({});
  const second = (facts: Partial<Checked>) => story({ id: "US-002", ...facts });
  const uses = { description: "Uses the sum of US-001." };
  assert.match(found(first, second(uses))[0], /^US-002: it speaks of US-001, and does not depend/);
  assert.deepEqual(found(first, second({ ...uses, dependsOn: ["US-001"] })), []);
  const third = story({ id: "US-003", ...uses, dependsOn: ["US-002"] });
  assert.deepEqual(found(first, second({ dependsOn: ["US-001"] }), third), []);
  // The other way round: what waits for it may be named.
  const names = story({ description: "US-002 needs this." });
  assert.deepEqual(found(names, second({ dependsOn: ["US-001"] })), []);
  const words = { description: "As in the previous story." };
  assert.match(found(first, second(words))[0], /"previous story", and depends on none/);
  assert.deepEqual(found(story(words)), []);
});

Deno.test("of a model's findings only those of stories that are there count", () => {
  const finding = { story: "US-001", kind: "large", text: "two pages" };
  const stories = [story({})];
  assert.deepEqual(readFindings({ findings: [finding] }, stories), { draft: [finding] });
  assert.deepEqual(readFindings({ findings: [{ ...finding, story: "US-9" }] }, stories), {
    faults: ["there is no story US-9"],
  });
  assert("faults" in readFindings({ findings: [{ ...finding, kind: "nice" }] }, stories));
});

Deno.test("what no gate checks is told: of all stories, or of those that have none of their own", () => {
  const stories = [{ id: "US-001" }, { id: "US-002" }];
  const told = (general: number, ...own: readonly string[]) =>
    gateFindings(general, { stories, own: new Set(own) }).map(findingWords);
  assert.deepEqual(told(1), []);
  assert.deepEqual(told(0, "US-001", "US-002"), []);
  assert.match(told(0).join(), /^there is no gate: .*`ralph init`$/);
  assert.match(told(0, "US-001").join(), /^US-002: no gate checks it: /);
  assert.match(draftRemarks({ stories: [] }, 0).join(), /^there is no gate/);
  assert.deepEqual(draftRemarks({ stories: [] }, 1), []);
});
