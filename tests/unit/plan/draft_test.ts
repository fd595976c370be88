import assert from "node:assert/strict";
import { jsonIn } from "../../../src/plan/answer.ts";
import { prdText, readDraft } from "../../../src/plan/draft.ts";
import { parsePrd, remarksOf } from "../../../src/task/prd.ts";

const STORY = { id: "US-001", title: "First", criteria: ["`true` succeeds"] };
const DRAFT = { name: "my-task", title: "A task", stories: [STORY] };
const fence = (text: string) => "Here:\n\n```json\n" + text + "\n```\n\nThat is all.";

Deno.test("the JSON is that of the last block, or of all the text", () => {
  const found: readonly (readonly [string, unknown])[] = [
    [fence('{"a": 1}'), { a: 1 }],
    ['{"a": 1}', { a: 1 }],
    ["```sh\nls\n```\n" + fence('{"a": "```"}'), { a: "```" }],
    [fence('{"a": null, "b": [1]}') + "\n\n```sh\nls\n```\n", { b: [1] }],
    ["~~~~\n" + '{"a": 2}' + "\n~~~~", { a: 2 }],
  ];
  for (const [text, value] of found) assert.deepEqual(jsonIn(text), { value }, text);
  const faults: readonly (readonly [string, RegExp])[] = [
    ["", /is empty/],
    ["I would rather not.", /no block that begins with ```json/],
    ['```json\n{"a": 1', /breaks off/],
    [fence("{'a': 1}"), /is no JSON: /],
  ];
  for (const [text, fault] of faults) {
    const read = jsonIn(text);
    assert("fault" in read && fault.test(read.fault), text);
  }
});

Deno.test("what is wrong with a draft is told in words, each fault with its place", () => {
  const second = { ...STORY, id: "US-002" };
  const faulty: readonly (readonly [object, RegExp])[] = [
    [{ ...DRAFT, name: "../x" }, /^name: must be like my-feature$/],
    [{ ...DRAFT, name: "taken" }, /^name: a task of that name is there already$/],
    [{ ...DRAFT, stories: [] }, /^stories: Too small/],
    [{ ...DRAFT, stories: [{ ...STORY, criteria: [] }] }, /^stories\[0\]\.criteria: Too small/],
    [{ ...DRAFT, title: "a\u001b[31mb" }, /^title: must be one line, without control characters$/],
    [{ ...DRAFT, stories: [STORY, STORY] }, /^the id US-001 comes twice$/],
    [
      { ...DRAFT, stories: [{ ...STORY, dependsOn: ["US-002"] }, second] },
      /^US-001 depends on US-002, which must come before it$/,
    ],
    [
      { ...DRAFT, stories: [{ ...STORY, dependsOn: ["US-009"] }] },
      /^US-001 depends on US-009, which is not there$/,
    ],
    [{ ...DRAFT, gates: [" "] }, /^gates\[0\]: /],
  ];
  for (const [value, fault] of faulty) {
    const read = readDraft(value, { taken: ["taken"] });
    assert("faults" in read, JSON.stringify(value));
    assert.match(read.faults[0], fault);
  }
});

Deno.test("the PRD of a draft is read as it was drafted, and nothing is to be said of it", () => {
  const stories = [
    { ...STORY, description: "Do it in `a.ts`." },
    { ...STORY, id: "US-002", title: "Second — “ü” 🎉", dependsOn: ["US-001"] },
  ];
  const read = readDraft({ ...DRAFT, stories, gates: ["npm test"], nonGoals: ["b.ts"] }, {
    taken: [],
  });
  assert("draft" in read, JSON.stringify(read));
  const bytes = new TextEncoder().encode(prdText(read.draft));
  const prd = parsePrd({ path: "prd.json", bytes });
  assert.deepEqual(remarksOf(prd), []);
  assert.deepEqual(
    prd.stories.map(({ id, title, dependsOn, priority, passes }) => [
      id,
      title,
      dependsOn,
      priority,
      passes,
    ]),
    [["US-001", "First", [], 1, false], ["US-002", "Second — “ü” 🎉", ["US-001"], 2, false]],
  );
  assert.deepEqual(prd.verify?.map(({ run }) => run), [{ shell: "npm test" }]);
  assert.match(prd.about, /nonGoals[^]*b\.ts/);
  const asks = { ...read.draft, questions: [{ question: "Which?", choices: ["a", "b"] }] };
  const asked = parsePrd({ path: "prd.json", bytes: new TextEncoder().encode(prdText(asks)) });
  assert.match(asked.about, /openQuestions[^]*Which\? \(a \/ b\)/);
  assert.deepEqual(remarksOf(asked), []);
  const words = readDraft({ ...DRAFT, gates: ["tox", "ruff"] }, { taken: [] });
  assert("draft" in words, JSON.stringify(words));
  assert.match(prdText(words.draft), /"shell": "ruff"/);
});
