import assert from "node:assert/strict";
import fc from "fast-check";
import { progressView, withOlderInFront } from "../../../src/task/progress.ts";

const PATTERNS = "## Codebase Patterns\n- use `deno task`\n- no `any`";
const entry = (number: number) => `## 2026-01-0${number} - US-00${number}\n- did ${number}\n`;
const LOG = `# Ralph Progress Log
Started: 2026-01-01
---

${PATTERNS}

---

${[1, 2, 3, 4].map(entry).join("---\n")}---
`;

Deno.test("progressView: all of it when it fits", () => {
  assert.equal(progressView(`${LOG}\n\n`, 10_000), LOG.trim());
  assert.equal(progressView("a\r\nb\r", 10), "a\nb");
  assert.equal(progressView(" \n", 0), "");
});

Deno.test("progressView: the patterns, the last entries, and how many are left out", () => {
  assert.equal(
    progressView(LOG, 170),
    [
      PATTERNS,
      "(earlier entries left out: 2)",
      entry(3).trim(),
      entry(4).trim(),
    ].join("\n\n---\n\n"),
  );
});

Deno.test("progressView: no note when only the header falls away", () => {
  const view = progressView(LOG, 230);
  assert.equal(view, [PATTERNS, ...[1, 2, 3, 4].map((n) => entry(n).trim())].join("\n\n---\n\n"));
});

Deno.test("progressView: an entry that is too long is cut at a line end", () => {
  const long = `## today - US-9\n${"- one more line\n".repeat(20)}`;
  assert.equal(
    progressView(`${entry(1)}\n${long}`, 120),
    "(earlier entries left out: 1)\n\n---\n\n## today - US-9\n- one more line\n- one more line\n" +
      "(the rest is left out)",
  );
});

Deno.test("progressView: long patterns leave half of the room to the entries", () => {
  const patterns = `## Codebase Patterns\n${"- a pattern\n".repeat(100)}`;
  const view = progressView(`${patterns}\n${entry(1)}`, 300);
  assert(view.endsWith(entry(1).trim()));
  assert.match(
    view,
    /^## Codebase Patterns\n(- a pattern\n)+\(the rest is left out\)\n\n---\n\n##/,
  );
  assert(view.length > 280);
});

Deno.test("progressView: text without any structure keeps its beginning", () => {
  assert.equal(progressView("word ".repeat(100), 40), "word word word wo\n(the rest is left out)");
  assert.equal(progressView("🚀".repeat(100), 30), "🚀🚀🚀\n(the rest is left out)");
});

Deno.test("progressView: never longer than asked for, and made of the file's own lines", () => {
  const line = fc.oneof(
    fc.constantFrom("---", "## 2026-01-01 - US-1", "## Codebase Patterns", "# Log", "", "```"),
    fc.string({ unit: "grapheme", maxLength: 60 }),
  );
  const log = fc.array(line, { maxLength: 60 }).map((lines) => lines.join("\n"));
  fc.assert(fc.property(log, fc.nat({ max: 400 }), (text, maxLength) => {
    const view = progressView(text, maxLength);
    assert(view.length <= maxLength, `${view.length} > ${maxLength}`);
    const own = (line: string) =>
      text.includes(line) || /^(---|\(.* left out(: \d+)?\))$/.test(line);
    for (const line of view.split("\n")) assert(own(line), line);
  }));
});

const NOTES = `# Progress

## Codebase Patterns

- Run \`deno task check\` before a commit.
- Dates are in UTC.

## US-001

- Wrote sum.js, and its tests.
- The parser throws on empty input,
  as the tests expect.
---
`;

Deno.test("withOlderInFront: a text that was written over is put in front of the new one", () => {
  for (
    const newer of [
      "## US-002\n\n- Wrote product.js.\n",
      "# Progress\n\n## Codebase Patterns\n\n---\n",
    ]
  ) {
    assert.equal(withOlderInFront(NOTES, newer), `${NOTES}\n${newer}`);
  }
  assert.equal(withOlderInFront(NOTES, " \n"), NOTES);
});

Deno.test("withOlderInFront: what keeps more than next to nothing stays as it is", () => {
  const kept: readonly string[] = [
    NOTES,
    `${NOTES}\n## US-002\n\n- more\n`,
    `## US-002\n\n- newest first\n\n${NOTES}`,
    // consolidated: the patterns alone
    "## Patterns\n\n* Run deno task check before a commit.\n* Dates are in UTC.\n",
    // wrapped and marked in another way
    "Run `deno task check` before\na commit. **Dates** are in UTC. Wrote sum.js, and its\ntests.",
  ];
  for (const newer of kept) assert.equal(withOlderInFront(NOTES, newer), undefined, newer);
  for (const older of ["", "# Progress\n", "## \n---\n"]) {
    assert.equal(withOlderInFront(older, "new"), undefined, "there was nothing to lose");
  }
});
