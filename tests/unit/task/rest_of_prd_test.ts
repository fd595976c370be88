import assert from "node:assert/strict";
import { parsePrd } from "../../../src/task/prd.ts";
import { offeredWords } from "../../../src/verify/gates/suggest_gates.ts";

const read = (text: string, path = "/p/prd.md") =>
  parsePrd({ path, bytes: new TextEncoder().encode(text) });

const MARKDOWN = `# PRD: Shop

Sells things.

## Goals

- be quick

## User Stories

### US-001: One

Story text.

- [ ] a

### US-002: Two (deferred)

- [ ] b

---

## Functional Requirements

- FR-1: prices are cents

## Non-Goals

No coupons.

## Quality Gates

- \`npm test\` - the tests
- [ ] \`npm run lint\` is clean
- \`README.md\` is up to date

\`\`\`sh
$ npm run build
\`\`\`
`;

Deno.test("the rest of a PRD: what stands beside the stories, and nothing of them", () => {
  const { about, offers } = read(MARKDOWN);
  for (
    const text of ["Sells things.", "Goals:\n- be quick", "FR-1: prices", "Non-Goals:\nNo coupons."]
  ) {
    assert(about.includes(text), text);
  }
  assert.doesNotMatch(about, /Story text|\[ \] a|\[ \] b|left out here/);
  assert.deepEqual(offers, ["npm test", "npm run lint", "npm run build"]);
});

Deno.test("the rest of a PRD is bounded: what weighs most comes first, and the others are named", () => {
  const long = "word ".repeat(800);
  const { about } = read(
    `# P\n\n## History\n\n${long}\n\n## People\n\n${long}\n\n## More\n\n${long}\n\n` +
      `### US-001: A\n- [ ] a\n\n## Non-Goals\n\nNo coupons.\n\n## Technical Considerations\n\n${long}\n`,
  );
  assert(about.length < 6_800, String(about.length));
  assert.match(about, /No coupons\./);
  assert.match(about, /Technical Considerations:\nword [^]*… \(it goes on\)/);
  assert.match(about, /\(left out here: (?:People, )?More\)$/);
});

Deno.test("the rest of a prd.json: its other fields, and the checks that it names", () => {
  const prd = read(
    `{"project": "Shop", "description": "Sells things.", "branchName": "x", "nonGoals": ["no coupons", "no tax"],
      "qualityGates": ["npm test", {"command": "npm run lint"}], "updatedAt": "2026", "version": 2,
      "userStories": [{"id": "A", "verifyCommand": "npm run e2e"}]}`,
    "/p/prd.json",
  );
  assert.equal(
    prd.about,
    "Sells things.\n\nnonGoals:\n- no coupons\n- no tax\n\nqualityGates:\n- npm test\n" +
      '- {"command": "npm run lint"}',
  );
  assert.deepEqual(prd.offers, ["npm test", "npm run lint", "npm run e2e"]);
  assert.deepEqual(prd.verify, []);
});

Deno.test("checks that a PRD names are offered with the line that adopts them, until they are gates", () => {
  const gate = (shell: string) => ({ name: shell, run: { shell } });
  assert.equal(
    offeredWords(["npm test", "make lint"], [{ name: "t", run: { args: ["npm", "test"] } }]),
    "the PRD names checks that are no gates, and nothing runs them; to have the loop run them, " +
      'write into `ralph.json`: {"verify":["make lint"]}',
  );
  assert.equal(offeredWords(["make lint"], [gate("make lint")]), undefined);
  assert.equal(offeredWords([], []), undefined);
});
