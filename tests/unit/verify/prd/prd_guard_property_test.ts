/** Whatever is done to a PRD, what is protected stays, and what is allowed is kept. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { openPrd, parsePrd, type Prd } from "../../../../src/task/prd.ts";
import { guardPrd } from "../../../../src/verify/prd/prd_guard.ts";

const RUNS = { numRuns: 500 };
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

/** The guard's answer, after what must hold for each one. */
function guard(path: string, before: string, after: Uint8Array) {
  const good = openPrd({ path, bytes: encode(before) });
  const { prd: guarded, violations, additions } = guardPrd(good, after);
  const { bytes } = guarded.source;
  const prd = parsePrd({ path, bytes });
  for (const good of [encode(before), bytes]) {
    const again = guardPrd(openPrd({ path, bytes: good }), bytes);
    assert.equal(again.prd.source.bytes, bytes, "guarding what is guarded changes nothing");
    assert.deepEqual([again.violations, again.additions], [[], []]);
  }
  const isAllowed = violations.length + additions.length === 0;
  if (isAllowed) assert.equal(bytes, after);
  return { bytes, violations, isAllowed, prd, text: decode(bytes) };
}

/** Some bytes in place of others, somewhere. */
const splice = fc.record({
  at: fc.nat(),
  remove: fc.oneof(fc.nat(5), fc.nat(200)),
  insert: fc.oneof(
    fc.constantFrom("", ",", '"', "}", "[x]", "true", "false", "\n", "é", '"passes": true'),
    fc.string({ maxLength: 8 }),
  ),
});

function spliced(text: string, edits: readonly { at: number; remove: number; insert: string }[]) {
  let bytes = encode(text);
  for (const { at, remove, insert } of edits) {
    const start = at % (bytes.length + 1);
    const rest = bytes.subarray(start + remove);
    bytes = Uint8Array.of(...bytes.subarray(0, start), ...encode(insert), ...rest);
  }
  return bytes;
}

// ---------------------------------------------------------------------------------------- prd.json

type Fields = Record<string, unknown>;
type JsonPrd = Fields & { userStories: Fields[] };

const AGENTS = ["passes", "notes", "completionNotes"];
const READ = ["title", "acceptanceCriteria", "priority"];

const storyFields = fc.record({
  title: fc.string(),
  acceptanceCriteria: fc.array(fc.string(), { maxLength: 3 }),
  priority: fc.integer(),
  passes: fc.boolean(),
  notes: fc.string(),
  labels: fc.jsonValue({ maxDepth: 2 }),
}, { requiredKeys: [] });

const jsonPrd: fc.Arbitrary<JsonPrd> = fc.record({
  project: fc.string(),
  metadata: fc.jsonValue({ maxDepth: 2 }),
  userStories: fc.array(storyFields, { minLength: 1, maxLength: 4 })
    .map((stories) => stories.map((story, i): Fields => ({ id: `US-${i}`, ...story }))),
});

const layout = fc.constantFrom(undefined, 1, 4, "\t");

/** What an agent might do to a PRD that it has parsed. */
type Edit = (prd: JsonPrd) => void;

function changeStory(n: number, name: string, value: unknown): Edit {
  return ({ userStories }) => {
    if (userStories.length > 0) userStories[n % userStories.length][name] = value;
  };
}

const allowedEdit: fc.Arbitrary<Edit> = fc.tuple(
  fc.nat(),
  fc.oneof(
    fc.tuple(fc.constant("passes"), fc.constantFrom<unknown>(true, false, null, undefined)),
    fc.tuple(fc.constantFrom("notes", "completionNotes"), fc.option(fc.string())),
  ),
).map(([n, [name, value]]) => changeStory(n, name, value));

const forbiddenEdit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(
    fc.nat(),
    fc.constantFrom("id", "title", "acceptanceCriteria", "priority", "labels", "passes", "x"),
    fc.jsonValue(),
  ).map(([n, name, value]) => changeStory(n, name, value)),
  fc.tuple(fc.constantFrom("project", "metadata", "verify", "branchName"), fc.jsonValue())
    .map(([name, value]): Edit => (prd) => {
      prd[name] = value;
    }),
  fc.tuple(fc.nat(), fc.nat()).map(([n, m]): Edit => ({ userStories }) => {
    const [story] = userStories.splice(n % (userStories.length + 1), 1);
    if (story && m % 2 === 0) userStories.splice(m % (userStories.length + 1), 0, story);
  }),
  storyFields.map((story): Edit => ({ userStories }) => {
    userStories.push({ id: "US-0", ...story });
  }),
);

function edited(prd: JsonPrd, edits: readonly Edit[]): JsonPrd {
  const copy = structuredClone(prd);
  for (const edit of edits) edit(copy);
  return copy;
}

const without = (fields: Fields, names: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));

/** As JSON.parse sees it, without what is the agent's. */
const protectedOf = (prd: JsonPrd) => ({
  ...without(prd, []),
  userStories: prd.userStories.map((story) => without(story, AGENTS)),
});

const passesOf = ({ passes }: Fields) => passes ?? false;

function isEqual(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

const isNothing = (value: unknown) => isEqual(value ?? [], []) || value === "";

/** Nothing that was there is another, and what has come is nothing that ralph reads. */
function saysTheSame(before: Fields, after: Fields): boolean {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].every((name) => {
    if (isEqual(before[name], after[name])) return true;
    if (READ.includes(name)) return isNothing(before[name]) && isNothing(after[name]);
    return !Object.hasOwn(before, name);
  });
}

Deno.test("prd.json: what is allowed is kept, in whatever layout", () => {
  fc.assert(
    fc.property(jsonPrd, fc.array(allowedEdit), layout, layout, (prd, edits, one, other) => {
      const after = encode(JSON.stringify(edited(prd, edits), null, other));
      assert.deepEqual(guard("prd.json", JSON.stringify(prd, null, one), after).violations, []);
    }),
    RUNS,
  );
});

Deno.test("prd.json: what is protected stays, and each claim for an untouched story", () => {
  let violated = 0;
  const edits = fc.array(fc.oneof(allowedEdit, forbiddenEdit), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(jsonPrd, edits, layout, layout, (before, edits, one, other) => {
      // through JSON.parse, as the values in a file are: without `undefined` and -0
      const good: JsonPrd = JSON.parse(JSON.stringify(before));
      const json = JSON.stringify(edited(good, edits), null, other);
      const after: JsonPrd = JSON.parse(json);
      const result = guard("prd.json", JSON.stringify(good, null, one), encode(json));
      const now: JsonPrd = JSON.parse(result.text);
      assert.deepEqual(protectedOf(now), protectedOf(good));
      if (result.violations.length > 0) violated++;
      if (result.isAllowed) assert.deepEqual(now, after);

      for (const [i, story] of good.userStories.entries()) {
        const [same, ...more] = after.userStories.filter(({ id }) => id === story.id);
        if (more.length > 0) continue;
        const isUntouched = same !== undefined && typeof passesOf(same) === "boolean" &&
          saysTheSame(without(story, AGENTS), without(same, AGENTS));
        const wanted = isUntouched ? same : story;
        assert.equal(passesOf(now.userStories[i]), passesOf(wanted), `${story.id}`);
      }
    }),
    RUNS,
  );
  assert(violated > 100, `only ${violated} of the edits were violations`);
});

Deno.test("prd.json: what is protected stays when bytes change anywhere", () => {
  fc.assert(
    fc.property(
      jsonPrd,
      fc.array(splice, { minLength: 1, maxLength: 3 }),
      layout,
      (prd, edits, space) => {
        const before = JSON.stringify(prd, null, space);
        const { text } = guard("prd.json", before, spliced(before, edits));
        const now = JSON.parse(text.replace(/^\ufeff/, ""));
        assert.deepEqual(protectedOf(now), protectedOf(JSON.parse(before)));
      },
    ),
    RUNS,
  );
});

Deno.test("prd.json: any bytes at all leave the good copy", () => {
  const before = '{"userStories": [{"id": "A", "title": "a"}]}';
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.json().map(encode)), (after) => {
      assert.equal(guard("prd.json", before, after).text, before);
    }),
    RUNS,
  );
});

// ------------------------------------------------------------------------------------------ prd.md

const LINES = [
  "",
  "---",
  "text",
  "**bold** text",
  "**Notes:** n",
  "**Completion Notes:**",
  "**Description:**",
  "**Depends on:** US-0",
  "**Priority:** 2",
  "- [ ] a box",
  "- [x] a ticked box",
  "  deeper",
  "```",
  "<!-- x -->",
  "<!--",
  "# H1",
  "## Other",
  "#### Below",
  "### US-7: New",
  "### US-0: Story 0",
] as const;

const INNER_LINES = [
  "text",
  "**Notes:** n",
  "- [ ] a box",
  "- [x] y",
  "#### Below",
  "---",
] as const;

const story = fc.array(
  fc.constantFrom("text", "", "**bold** text", "**Description:** d", "- [x] t"),
  {
    maxLength: 4,
  },
);

const markdownPrd: fc.Arbitrary<string[][]> = fc.array(story, { minLength: 1, maxLength: 4 }).map(
  (stories) => [
    ["# PRD: Shop", "Sells things.", "- [ ] goal", "## User Stories"],
    ...stories.map((lines, i) => [`### US-${i}: Story ${i}`, ...lines, "- [ ] done", ""]),
    ["## Non-Goals", "Nothing."],
  ],
);

const lineEdit = (lines: readonly string[]) =>
  fc.record({
    at: fc.nat(),
    remove: fc.nat(1),
    insert: fc.array(fc.constantFrom(...lines), { maxLength: 2 }),
  });

function withLineEdits(
  lines: readonly string[],
  edits: readonly { at: number; remove: number; insert: readonly string[] }[],
): string[] {
  const copy = [...lines];
  for (const { at, remove, insert } of edits) {
    copy.splice(at % (copy.length + 1), remove, ...insert);
  }
  return copy;
}

/** Without the marks of emphasis and code, and without where lines break. */
const said = (text: string) => text.replaceAll(/[\\*_`|]/g, "").replaceAll(/\s+/g, " ").trim();

/** What ralph reads, without what is the agent's. */
const readingOf = (prd: Prd) =>
  prd.stories.map(({ passes: _, notes: __, line: ___, criteria, description, ...story }) => ({
    ...story,
    description: said(description),
    criteria: criteria.map(({ text }) => said(text)),
  }));

const unticked = (text: string) => text.replaceAll(/\[[ xX/~!?>*+.A-Z-]?\]/g, "[ ]");

/**
 * The words, without what may be written in several ways: marks of lists, quotes, emphasis and code,
 * where a paragraph breaks; a heading has its mark before it or below it, and one that matters to
 * ralph is in `readingOf`.
 */
const meant = (text: string) =>
  // a box may stand close to its word
  unticked(text).replaceAll("[ ]", "[ ] ").replace(/^\ufeff/, "").split(/\r\n?|\n/)
    .filter((line) => !/^\s*(?:-{3,}|\*{3,}|_{3,}|=+|`{3,})\s*$/.test(line))
    .flatMap((line) =>
      said(
        line.replace(/^ {0,3}(?:#{1,6}(?= |$))?/, "")
          .replace(/^(?:\s*(?:>|(?:[-*+]|\d{1,9}[.)])(?=\s|$)))+/, ""),
      ).split(" ")
    )
    .filter((word) => word !== "");

function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const word of whole) if (word === part[at]) at++;
  return at === part.length;
}

function checkMarkdown(before: string, after: Uint8Array) {
  const { text, prd, violations, isAllowed } = guard("prd.md", before, after);
  assert.deepEqual(readingOf(prd), readingOf(parsePrd({ path: "prd.md", bytes: encode(before) })));
  if (!isAllowed) {
    assert.equal(unticked(text), unticked(before));
  } else {
    assert(isSubsequence(meant(before), meant(text)), "no word of the good copy is gone");
    const added = meant(text).length > meant(before).length;
    assert(!added || /notes:\*\*/i.test(text), "what is added are notes");
  }
  return violations;
}

Deno.test("prd.md: what is protected stays when lines change anywhere", () => {
  let violated = 0;
  fc.assert(
    fc.property(
      markdownPrd,
      fc.array(lineEdit(LINES), { minLength: 1, maxLength: 3 }),
      (sections, edits) => {
        const lines = sections.flat();
        const after = encode(withLineEdits(lines, edits).join("\n"));
        if (checkMarkdown(lines.join("\n"), after).length > 0) violated++;
      },
    ),
    { numRuns: 1_500 },
  );
  assert(violated > 500 && violated < 1_400, `${violated} of the edits were violations`);
});

Deno.test("prd.md: what is protected stays when bytes change anywhere", () => {
  fc.assert(
    fc.property(
      markdownPrd,
      fc.array(splice, { minLength: 1, maxLength: 3 }),
      (sections, edits) => {
        const before = sections.flat().join("\n");
        checkMarkdown(before, spliced(before, edits));
      },
    ),
    RUNS,
  );
});

Deno.test("prd.md: what is done to one story spares the claims for all others", () => {
  fc.assert(
    fc.property(
      markdownPrd,
      fc.nat(),
      fc.array(lineEdit(INNER_LINES), { minLength: 1, maxLength: 3 }),
      (sections, n, edits) => {
        const spoilt = 1 + n % (sections.length - 2);
        const after = sections.map(([heading, ...lines], i) =>
          i === spoilt
            ? [heading, ...withLineEdits(lines, edits)]
            : [heading, ...lines].map((line) => line.replace("[ ]", "[x]"))
        );
        const { prd } = guard(
          "prd.md",
          sections.flat().join("\n"),
          encode(after.flat().join("\n")),
        );
        const others = prd.stories.filter((_, i) => i + 1 !== spoilt);
        assert.deepEqual(others.filter(({ passes }) => !passes), []);
      },
    ),
    RUNS,
  );
});
