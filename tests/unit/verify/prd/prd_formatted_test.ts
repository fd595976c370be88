/** What a formatter does to a PRD changes nothing that it says, and no word can be changed with it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { openPrd } from "../../../../src/task/prd.ts";
import { guardPrd } from "../../../../src/verify/prd/prd_guard.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
const recorded = (name: string) =>
  Deno.readTextFileSync(new URL(`formatted/${name}.txt`, import.meta.url));

function guard(before: string, after: string, path = "prd.md") {
  const { prd, violations, additions } = guardPrd(
    openPrd({ path, bytes: encode(before) }),
    encode(after),
  );
  const passed = prd.stories.filter(({ passes }) => passes).map(({ id }) => id);
  return { text: decode(prd.source.bytes), violations, additions, passed };
}

const ticked = (text: string) => text.replaceAll(/\[ \]/g, "[x]");

/** What prettier 3.10.1 made of `shop.txt`, by `--prose-wrap`; `narrow`: 60 columns, tabs of 4. */
for (const form of ["preserve", "always", "never", "narrow"]) {
  Deno.test(`prettier, ${form}: the claims count, and the text stays as it is formatted`, () => {
    const after = ticked(recorded(`shop.${form}`));
    const { text, violations, additions, passed } = guard(recorded("shop"), after);
    assert.deepEqual([violations, additions, passed], [[], [], ["US-001", "US-002"]]);
    assert.equal(text, after);
    // and what it formats back says the same too
    assert.deepEqual(guard(after, ticked(recorded("shop"))).violations, []);
  });

  Deno.test(`prettier, ${form}: a word that is changed as well is still seen`, () => {
    const changes: [from: RegExp, to: string, left: string[]][] = [
      [/under_scores/, "underscores", ["US-002"]],
      [/c\.txt exists too/, "c.txt exists", ["US-001"]],
      [/`a\.txt`/, "`b.txt`", ["US-002"]],
      [/I want a thing/, "I want nothing", ["US-002"]],
      [/longer cell/, "cell", ["US-001"]],
      [/"c"/, '"d"', ["US-001"]],
      [/goal two/, "goal", ["US-001", "US-002"]],
      [/Sell `things`/, "Sell `stuff`", ["US-002"]],
      [/\n- US-001/, "", ["US-001"]],
      [/snake_case/, "snakecase", ["US-001", "US-002"]],
    ];
    for (const [from, to, left] of changes) {
      const formatted = ticked(recorded(`shop.${form}`));
      const after = formatted.replace(from, to);
      assert.notEqual(after, formatted, `${from}`);
      const { text, violations, passed } = guard(recorded("shop"), after);
      assert.notDeepEqual(violations, [], `${from}`);
      assert.deepEqual(passed, left, `${from}`);
      assert.equal(ticked(text), ticked(recorded("shop")));
    }
  });
}

const PRD = `# PRD: Shop

Sells *things* of all kinds.

- goal one
- goal two

### US-001: Log in

**Description:** As a user, I log in, so that I see my things.
**Depends on:** US-002

- [ ] a form with two fields
- [ ] \`npm test\` passes

### US-002: Log out

- [ ] a button
`;

Deno.test("a formatter that makes one line of two labels: both are read, and the claims count", () => {
  const joined = PRD.replace("things.\n**Dep", "things. **Dep");
  const { text, violations, additions, passed } = guard(PRD, ticked(joined));
  assert.deepEqual([violations, passed], [[], ["US-001", "US-002"]]);
  assert.deepEqual(additions, []);
  assert.equal(text, ticked(joined));
});

Deno.test("a field beside the status in its line is no part of the state", () => {
  const prd = PRD.replace("**Depends", "**Status:** Open | **Depends");
  const done = ticked(prd).replace("Status:** Open", "Status:** Done");
  const claimed = guard(prd, done);
  assert.deepEqual([claimed.violations, claimed.additions], [[], []]);
  assert.deepEqual(claimed.passed, ["US-001", "US-002"]);
  const changed = guard(prd, done.replace("US-002\n\n- [x] a form", "nothing\n\n- [x] a form"));
  assert.deepEqual(changed.violations, ["`US-001` was changed: `text`"]);
  assert.equal(guard(prd, ticked(prd)).passed.join(), "US-001,US-002");
});

/** Each is made together with all ticks: marks of the agent's that give nothing another meaning. */
const MARKS: readonly [what: string, from: string | RegExp, to: string][] = [
  ["a mark at the end of a heading", /(### US.*)/g, "$1 ✅"],
  ["a mark at its start", "### US-001", "### ✅ US-001"],
  ["a box in it", "### US-001: Log in", "### [x] US-001: Log in"],
  ["boxes in all of them", /### /g, "### [x] "],
  ["a word in it", "Log in\n", "Log in (done)\n"],
  ["a mark with a word", "Log in\n", "Log in ✅ DONE\n"],
  ["a word with a date", "Log in\n", "Log in — COMPLETED (2026-01-02)\n"],
  ["a line that it passes", "Log in\n", "Log in\n\n**Passes:** true\n"],
  ["a heading struck through", "US-001: Log in", "~~US-001: Log in~~"],
  ["a status line below it", "Log in\n", "Log in\n\n**Status:** done\n"],
  ["a status line between labels", "**Depends", "**Status:** Completed 2026-01-02\n**Depends"],
  ["a status line above the boxes", "- [x] a form", "_Status: done_\n\n- [x] a form"],
  ["a status line below the boxes", "passes\n", "passes\n\n✅ Done on 2026-01-02,\nsee the log\n"],
  ["a comment", "- [x] a button", "<!-- done -->\n\n- [x] a button"],
  ["a section at the end", /$/, "\n## Progress\n\nUS-001 is done.\n\n- US-002 as well\n"],
  ["a line at the top", "Sells", "Updated: 2026-01-02\n\nSells"],
];

for (const [what, from, to] of MARKS) {
  Deno.test(`the agent adds ${what}: that goes, and all claims count`, () => {
    const all = ticked(PRD);
    const after = all.replace(from, to);
    assert.notEqual(after, all);
    const { text, violations, additions, passed } = guard(PRD, after);
    assert.deepEqual([violations, passed], [[], ["US-001", "US-002"]]);
    assert.equal(additions.length > 0, true);
    assert.equal(text, all);
  });
}

/** Each adds words to what was there: that is another meaning. */
const WEAKENED: readonly [from: string, to: string][] = [
  ["two fields", "two fields or one"],
  ["two fields\n", "two fields\n  or one, if that is easier\n"],
  ["two fields\n", "two fields\nor one, if that is easier\n"],
  ["I log in,", "I may log in,"],
  ["a form with", "a form\n  without or with"],
  ["- [x] a button\n", "- [x] a button\n- [x] or none\n"],
  ["Sells *things*", "Sells no *things*"],
];

for (const [from, to] of WEAKENED) {
  Deno.test(`words within what was there are a change: ${JSON.stringify(to)}`, () => {
    const all = ticked(PRD);
    assert(all.includes(from));
    const { text, violations } = guard(PRD, all.replace(from, to));
    assert.equal(violations.length, 1);
    assert.equal(ticked(text), all);
  });
}

// ------------------------------------------------------------------------------------- properties

const WORD: fc.Arbitrary<string> = fc.constantFrom(
  "form",
  "fields",
  "`npm test`",
  "a_b",
  "2",
  "user,",
  "(or",
  "not)",
  "é",
  "日本",
);
const words = fc.array(WORD, { minLength: 1, maxLength: 30 });
const prd = fc.record({
  intro: words,
  goals: fc.array(words, { minLength: 1, maxLength: 3 }),
  stories: fc.array(
    fc.record({ description: words, boxes: fc.array(words, { minLength: 1, maxLength: 3 }) }),
    { minLength: 1, maxLength: 3 },
  ),
});
type Prd = typeof prd extends fc.Arbitrary<infer T> ? T : never;

/** How one formatter, or one person, writes markdown. */
const form = fc.record({
  width: fc.constantFrom(10, 40, 10_000),
  bullet: fc.constantFrom("-", "*", "+"),
  emphasis: fc.constantFrom("*", "_"),
  lineEnd: fc.constantFrom("\n", "\r\n"),
  rule: fc.constantFrom("---", "***", "- - -"),
  blanks: fc.constantFrom("", "  "),
  gap: fc.integer({ min: 1, max: 3 }),
  end: fc.constantFrom("", "\n", "\n\n\n"),
  setext: fc.boolean(),
  padding: fc.integer({ min: 0, max: 4 }),
});
type Form = typeof form extends fc.Arbitrary<infer T> ? T : never;

function written({ intro, goals, stories }: Prd, form: Form, isTicked: boolean): string {
  const wrapped = (text: readonly string[], indent = "") => {
    const lines: string[][] = [[]];
    for (const word of text) {
      const line = lines[lines.length - 1];
      if (line.length > 0 && [...line, word].join(" ").length > form.width) lines.push([word]);
      else line.push(word);
    }
    return lines.map((line) => line.join(" ")).join(`\n${indent}`);
  };
  const item = (text: readonly string[], mark = "") =>
    `${form.bullet} ${mark}${wrapped(text, "  ")}`;
  const cell = (text: string) => ` ${text}${" ".repeat(form.padding)} `;
  const blocks = [
    form.setext ? "PRD: Shop\n=====" : "# PRD: Shop",
    wrapped([`${form.emphasis}so${form.emphasis}`, ...intro]),
    goals.map((goal) => item(goal)).join("\n"),
    `|${cell("a")}|${cell("b")}|\n|${"-".repeat(3 + form.padding)}|---|\n|${cell("1")}|${
      cell("2")
    }|`,
    ...stories.flatMap(({ description, boxes }, i) => [
      `### US-${i}: Story ${i}`,
      wrapped(["**Description:**", ...description]),
      boxes.map((box) => item(box, isTicked ? "[x] " : "[ ] ")).join("\n"),
      form.rule,
    ]),
  ];
  const lines = blocks.join("\n".repeat(form.gap + 1)).split("\n");
  return lines.map((line) => line + form.blanks).join(form.lineEnd) + form.end;
}

Deno.test("any formatting leaves all claims, and the text as it is formatted", () => {
  fc.assert(
    fc.property(prd, form, form, (prd, one, other) => {
      const after = written(prd, other, true);
      const { text, violations, additions, passed } = guard(written(prd, one, false), after);
      assert.deepEqual([violations, additions], [[], []]);
      assert.equal(passed.length, prd.stories.length);
      assert.equal(text, after);
    }),
    { numRuns: 500 },
  );
});

Deno.test("no change of a word passes for formatting", () => {
  fc.assert(
    fc.property(prd, form, form, fc.nat(), fc.constantFrom("", "other", "not form"), (...args) => {
      const [prd, one, other, n, put] = args;
      const changed = structuredClone(prd);
      const places = changed.stories.flatMap((story) => [story.description, ...story.boxes])
        .concat([changed.intro], changed.goals)
        .flatMap((text) => text.map((_, i) => ({ text, i })));
      const { text, i } = places[n % places.length];
      if (put === "" && text.length === 1) return;
      text.splice(i, 1, ...put === "" ? [] : put.split(" "));
      const before = written(prd, one, false);
      const result = guard(before, written(changed, other, true));
      // one of two words that are the same is gone all the same
      assert.notDeepEqual(result.violations, []);
      assert.equal(ticked(result.text), ticked(before));
    }),
    { numRuns: 500 },
  );
});

Deno.test("prd.json: an agent's own way to write JSON leaves all claims", () => {
  const before = {
    project: "Shop",
    userStories: [{ id: "US-1", title: "Log in", acceptanceCriteria: ["a form"], passes: false }],
  };
  const after = JSON.stringify(before, null, "\t").replace("false", "true")
    .replace("a form", " a  form ").replaceAll("\n", "\r\n");
  const { text, violations, additions, passed } = guard(JSON.stringify(before), after, "prd.json");
  assert.deepEqual([violations, additions, passed], [[], [], ["US-1"]]);
  assert.equal(text, after);
});
