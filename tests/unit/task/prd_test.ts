import assert from "node:assert/strict";
import fc from "fast-check";
import { RalphError } from "../../../src/error.ts";
import { nextStory, parsePrd, type Prd, type Story } from "../../../src/task/prd.ts";
import { setPasses } from "../../support/prd.ts";
import { GENEROUS_MS } from "../../support/wait.ts";

const JSON_PATH = "/p/prd.json";
const MARKDOWN_PATH = "/p/prd.md";

function story(id: string, rest: Partial<Story> = {}): Story {
  return {
    id,
    title: "",
    description: "",
    criteria: [],
    priority: Infinity,
    passes: false,
    notes: "",
    dependsOn: [],
    line: 1,
    ...rest,
  };
}

const NEXT: readonly [what: string, stories: Story[], id: string | undefined][] = [
  ["none is there", [], undefined],
  ["all pass", [story("A", { passes: true })], undefined],
  ["the lowest priority", [story("A", { priority: 2 }), story("B", { priority: 1 })], "B"],
  ["zero and below count", [story("A", { priority: 0 }), story("B", { priority: -1 })], "B"],
  ["document order for ties", [story("A"), story("B"), story("C", { priority: 1 })], "C"],
  ["document order without any", [story("B"), story("A")], "B"],
  ["what passes is left out", [story("A", { passes: true }), story("B")], "B"],
  [
    "what waits is left out",
    [story("A", { priority: 1, dependsOn: ["B"] }), story("B", { priority: 9 })],
    "B",
  ],
  [
    "what waited comes up",
    [story("A", { priority: 9 }), story("B", { dependsOn: ["C"] }), story("C", { passes: true })],
    "A",
  ],
  ["all wait", [story("A", { dependsOn: ["B"] }), story("B", { dependsOn: ["A"] })], undefined],
];

for (const [what, stories, id] of NEXT) {
  Deno.test(`nextStory: ${what}`, () => assert.equal(nextStory(stories)?.id, id));
}

interface Generated {
  path: string;
  bytes: Uint8Array;
  ids: readonly string[];
}

/** Text that looks like much of what a PRD holds, in one line. */
const noise = fc.string({
  unit: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom("a", " ", "é", "任", "🚀", "\u00a0", "\u0085", "\u2028"),
    },
    fc.constantFrom('"passes": true', "- [ ]", "[x]", "### US-1:", "`", "**", "{", "}", ",", "\t"),
  ),
  maxLength: 12,
});
const ids = fc.uniqueArray(fc.integer({ min: 0, max: 999 }), { minLength: 1, maxLength: 6 })
  .map((numbers) => numbers.map((number) => `US-${number}`));
const lineEnd = fc.constantFrom("\n", "\r\n", "\r");
const maybeBom = fc.constantFrom("", "\ufeff");

/** A `prd.json` in one of the usual layouts, with fields that ralph does not know. */
const jsonPrd: fc.Arbitrary<Generated> = ids.chain((ids) =>
  fc.record({
    stories: fc.tuple(...ids.map((id) =>
      fc.record({
        id: fc.constant(id),
        title: noise,
        acceptanceCriteria: fc.array(noise, { maxLength: 3 }),
        passes: fc.boolean(),
        notes: noise,
        extra: fc.jsonValue(),
      }, { requiredKeys: ["id", "passes"] })
    )),
    root: fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue(), { maxKeys: 3 }),
    indent: fc.constantFrom(undefined, 2, "\t"),
    lineEnd,
    end: fc.constantFrom("", "\n", " \r\n\r\n"),
    bom: maybeBom,
  }).map(({ stories, root, indent, lineEnd, end, bom }) => {
    const { userStories: _, project: __, name: ___, description: ____, ...unknown } = root;
    const { branchName: _____, verify: ______, ...others } = unknown;
    const text = JSON.stringify({ ...others, userStories: stories }, null, indent);
    const bytes = new TextEncoder().encode(bom + text.replaceAll("\n", lineEnd) + end);
    return { path: JSON_PATH, bytes, ids };
  })
);

const boxLine = fc.tuple(
  fc.constantFrom("", "  ", "\t", "    "),
  fc.constantFrom("-", "*", "+", "1.", "12)"),
  noise,
).map(([indent, bullet, text]) => (mark: string) => `${indent}${bullet} [${mark}] ${text}`);
/** Lines with boxes and headings that are none: in code, in a comment, in the middle of text. */
const otherLine = fc.oneof(
  noise.map((text) => `text ${text}`),
  noise.map((text) => `\`\`\`md\n### US-1: no\n- [ ] ${text.replaceAll("`", "")}\n\`\`\``),
  noise.map((text) => `~~~\n- [x] ${text}\n~~~`),
  noise.map((text) => `<!-- - [ ] ${text} -->`),
  fc.constantFrom("", "---", "**Notes:** x", "**Priority:** P2", "- plain", "> - [ ] quoted"),
);

/** A `prd.md` whose stories each have only open or only ticked boxes, and bytes that are no UTF-8. */
const markdownPrd: fc.Arbitrary<Generated> = ids.chain((ids) =>
  fc.record({
    stories: fc.tuple(...ids.map((id) =>
      fc.record({
        id: fc.constant(id),
        heading: fc.constantFrom("##", "###", "####"),
        separator: fc.constantFrom(": ", " - ", " – ", ":\t"),
        // a box at its end is a sign of its own
        title: noise.map((title) => `${title}.`),
        mark: fc.constantFrom(" ", "x"),
        before: fc.array(otherLine, { maxLength: 3 }),
        boxes: fc.array(boxLine, { minLength: 1, maxLength: 4 }),
        after: fc.array(otherLine, { maxLength: 3 }),
      })
    )),
    lineEnds: fc.array(lineEnd, { minLength: 1, maxLength: 5 }),
    goals: fc.array(boxLine, { maxLength: 2 }),
    bom: maybeBom,
    stray: fc.uint8Array({ min: 0x80, maxLength: 4 }),
  }).map(({ stories, lineEnds, goals, bom, stray }) => {
    const lines = [
      "# PRD: Noise",
      "## Goals",
      ...goals.map((box) => box(" ")),
      ...stories.flatMap(({ id, heading, separator, title, mark, before, boxes, after }) => [
        `${heading} ${id}${separator}${title}`,
        ...before,
        ...boxes.map((box) => box(mark)),
        ...after,
      ]),
      "# End",
      ...goals.map((box) => box("x")),
    ].join("\n").split("\n");
    const text = lines.map((line, at) => line + lineEnds[at % lineEnds.length]).join("");
    const bytes = new TextEncoder().encode(bom + text);
    return { path: MARKDOWN_PATH, bytes: new Uint8Array([...bytes, ...stray]), ids };
  })
);

function withPasses(prd: Prd, storyId: string, passes: boolean): Prd {
  const stories = prd.stories.map((story) => {
    if (story.id !== storyId) return story;
    const criteria = story.criteria.map((criterion) =>
      prd.format === "markdown" ? { ...criterion, ticked: passes } : criterion
    );
    return { ...story, passes, criteria };
  });
  return { ...prd, stories };
}

for (const [format, arbitrary] of [["json", jsonPrd], ["markdown", markdownPrd]] as const) {
  Deno.test(`setPasses: in ${format}, changes that one story, and back gives the same bytes`, () => {
    fc.assert(
      fc.property(arbitrary, fc.nat(), ({ path, bytes, ids }, pick) => {
        const prd = parsePrd({ path, bytes });
        assert.deepEqual(prd.stories.map(({ id }) => id), ids);
        const { id: storyId, passes } = prd.stories[pick % ids.length];

        const changed = setPasses({ path, bytes }, { storyId, passes: !passes });
        assert.notDeepEqual(changed, bytes);
        // a title may say that it is done, which is told of a story that is open
        assert.deepEqual(
          { ...parsePrd({ path, bytes: changed }), remarks: [] },
          { ...withPasses(prd, storyId, !passes), remarks: [] },
        );

        assert.deepEqual(setPasses({ path, bytes }, { storyId, passes }), bytes);
        assert.deepEqual(setPasses({ path, bytes: changed }, { storyId, passes }), bytes);
      }),
      { numRuns: 300 },
    );
  });
}

Deno.test("parsePrd: any damage is read or refused with a place, never a crash", () => {
  const damaged = fc.tuple(
    fc.oneof(jsonPrd, markdownPrd),
    fc.nat(),
    fc.nat({ max: 20 }),
    fc.oneof(fc.uint8Array({ maxLength: 4 }), noise.map((text) => new TextEncoder().encode(text))),
  ).map(([{ path, bytes }, at, length, patch]) => {
    const start = at % (bytes.length + 1);
    const parts = [bytes.subarray(0, start), patch, bytes.subarray(start + length)];
    return { path, bytes: new Uint8Array(parts.flatMap((part) => [...part])) };
  });
  fc.assert(
    fc.property(damaged, (file) => {
      try {
        assert(parsePrd(file).stories.length > 0);
      } catch (error) {
        assert(error instanceof RalphError, `threw ${error}`);
        assert.match(error.message, /^cannot read the PRD at \/p\/prd\.(json|md):\d+:\d+: /);
        assert.doesNotMatch(error.message, /\p{Cc}/u);
      }
    }),
    { numRuns: 1_000 },
  );
});

/** A PRD of 1,000 stories and 5 MB. */
function big(format: "json" | "markdown"): Generated {
  const ids = Array.from({ length: 1_000 }, (_, index) => `US-${index}`);
  const filler = "Some words – and more of them. ".repeat(160);
  const text = format === "json"
    ? JSON.stringify(
      { userStories: ids.map((id) => ({ id, description: filler, passes: false })) },
      null,
      2,
    )
    : ids.map((id) => `### ${id}: Title\n${filler}\n- [ ] one\n- [ ] two\n`).join("\n");
  const path = format === "json" ? JSON_PATH : MARKDOWN_PATH;
  return { path, bytes: new TextEncoder().encode(text), ids };
}

for (const format of ["json", "markdown"] as const) {
  Deno.test(`parsePrd: 5 MB and 1,000 stories of ${format} are read at once`, () => {
    const { path, bytes, ids } = big(format);
    assert(bytes.length > 5_000_000);
    const start = performance.now();
    assert.equal(parsePrd({ path, bytes }).stories.length, ids.length);
    const changed = setPasses({ path, bytes }, { storyId: "US-999", passes: true });
    assert(performance.now() - start < GENEROUS_MS); // two readings
    assert.equal(parsePrd({ path, bytes: changed }).stories[999].passes, true);
  });
}

Deno.test("parsePrd: text made to be slow is not", () => {
  const many = 200_000;
  const slow = [
    `# ${" ".repeat(many)}x`,
    `#### ${"a-".repeat(many)}`,
    `### US-1: ${"#".repeat(many)} x`,
    "`".repeat(many) + "x`",
    `**${"a ".repeat(many)}`,
    `**Depends on:** ${"A-".repeat(many)}`,
    `${" ".repeat(many)}x`,
    `${"-".repeat(many)} x`,
    `- [${" ".repeat(many)}`,
    `**Notes:** ${"\n \n".repeat(many)}`,
    `**Depends on:** ${"\n \n- none".repeat(many)}`,
    `### US-1: x${" ".repeat(many)}y`,
    `Status:${" ".repeat(many)}\`x`,
  ];
  const start = performance.now();
  for (const line of slow) {
    const text = `### US-0: A\n- [ ] a\n${line}\n- [ ] b\n`;
    assert(parsePrd({ path: MARKDOWN_PATH, bytes: new TextEncoder().encode(text) }));
  }
  const chain = Array.from(
    { length: 20_000 },
    (_, index) => ({ id: `${index}`, dependsOn: index ? [`${index - 1}`] : ["19999"] }),
  );
  const bytes = new TextEncoder().encode(JSON.stringify({ userStories: chain }));
  assert.throws(() => parsePrd({ path: JSON_PATH, bytes }), /in a cycle: .* → …$/);
  // 0.4 s on an idle machine; what is quadratic takes minutes
  assert(performance.now() - start < GENEROUS_MS, `${performance.now() - start} ms`);
});
