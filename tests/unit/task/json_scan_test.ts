import assert from "node:assert/strict";
import fc from "fast-check";
import { RalphError } from "../../../src/error.ts";
import { type JsonNode, scanJson } from "../../../src/task/json_scan.ts";
import { openSource } from "../../../src/task/open_source.ts";

function scan(text: string): JsonNode {
  return scanJson(openSource({ path: "p.json", bytes: new TextEncoder().encode(text) }));
}

function toValue(node: JsonNode): unknown {
  switch (node.type) {
    case "object":
      return Object.fromEntries(node.members.map(({ key, value }) => [key, toValue(value)]));
    case "array":
      return node.items.map(toValue);
    case "null":
      return null;
    default:
      return node.value;
  }
}

/** Every span must cut out exactly the text of its value. */
function checkSpans(bytes: Uint8Array, node: JsonNode): void {
  const text = new TextDecoder("utf-8", { ignoreBOM: true })
    .decode(bytes.subarray(node.start, node.end));
  assert.deepEqual(JSON.parse(text), toValue(node));
  if (node.type === "array") node.items.forEach((item) => checkSpans(bytes, item));
  if (node.type !== "object") return;
  for (const { key, keyStart, keyEnd, value } of node.members) {
    const name = new TextDecoder().decode(bytes.subarray(keyStart, keyEnd));
    assert.equal(JSON.parse(name), key);
    checkSpans(bytes, value);
  }
}

/** JSON with its white space and its escapes changed at random. */
const jsonText = fc.tuple(
  fc.jsonValue({ stringUnit: "binary" }),
  fc.constantFrom(undefined, 2, "\t", "   "),
  fc.constantFrom("\n", "\r\n", "\r"),
  fc.boolean(),
).map(([value, indent, lineEnd, escaped]) => {
  const text = JSON.stringify(value, null, indent).replaceAll("\n", lineEnd);
  return escaped
    ? text.replaceAll(
      /[\u0080-\uffff]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    )
    : text;
});

Deno.test("scanJson: reads what JSON.parse reads, and knows where it stands", () => {
  fc.assert(fc.property(jsonText, (text) => {
    const node = scan(text);
    assert.deepEqual(toValue(node), JSON.parse(text));
    checkSpans(new TextEncoder().encode(text), node);
  }));
});

Deno.test("scanJson: refuses what JSON.parse refuses, and nothing else", () => {
  const snippet = fc.constantFrom(
    ...[
      '"',
      "\\",
      ",",
      ":",
      "{",
      "}",
      "[",
      "]",
      "0",
      "-",
      ".",
      "e",
      "t",
      "null",
      "true",
      "/",
      "\n",
    ],
    ...["\u00a0", "\ufeff", "\x01", " ", "'", "\\u12", "+1", "é"],
  );
  const damaged = fc.tuple(jsonText, fc.nat(), fc.nat({ max: 3 }), snippet)
    .map(([text, at, length, snippet]) => {
      const start = at % (text.length + 1);
      return (text.slice(0, start) + snippet + text.slice(start + length)).toWellFormed();
    })
    .filter((text) => !text.startsWith("\ufeff"));
  fc.assert(
    fc.property(damaged, (text) => {
      let expected: unknown;
      let isValid = true;
      try {
        expected = JSON.parse(text);
      } catch {
        isValid = false;
      }
      if (isValid) assert.deepEqual(toValue(scan(text)), expected);
      else assert.throws(() => scan(text), RalphError);
    }),
    { numRuns: 2_000 },
  );
});

const FAULTS: readonly [text: string, message: string][] = [
  ["", "p.json:1:1: it is not valid JSON: the file is empty"],
  [" \n\n ", "p.json:3:2: it is not valid JSON: the file is empty"],
  ['{\n  "a": 1,\n}', "p.json:2:9: it is not valid JSON: a comma stands before `}`"],
  ["[1, ]", "p.json:1:3: it is not valid JSON: a comma stands before `]`"],
  ['{\r\n  // why\r\n  "a": 1}', "p.json:2:3: it is not valid JSON: JSON has no comments"],
  ["[1 /* one */]", "p.json:1:4: it is not valid JSON: JSON has no comments"],
  ['{"é": "ü" "b"}', 'p.json:1:11: it is not valid JSON: `"` stands where `,` or `}` should be'],
  ["{'a': 1}", "p.json:1:2: it is not valid JSON: `'` stands where a name in `\"` should be"],
  ['{"a" 1}', "p.json:1:6: it is not valid JSON: `1` stands where `:` should be"],
  ["[TRUE]", "p.json:1:2: it is not valid JSON: `T` stands where a value should be"],
  ["[\u202e]", "p.json:1:2: it is not valid JSON: `\\u202e` stands where a value should be"],
  ["[01]", "p.json:1:3: it is not valid JSON: `1` stands where `,` or `]` should be"],
  ['{"a": [1', "p.json:1:9: it is not valid JSON: the file ends where `,` or `]` should be"],
  ['{"a": "b', "p.json:1:7: it is not valid JSON: a string begins here and never ends"],
  [
    '["a\nb"]',
    "p.json:1:4: it is not valid JSON: a string holds `\\n`, which it may only hold as an escape",
  ],
  ['["\\x"]', "p.json:1:3: it is not valid JSON: a string holds an unknown escape"],
  ["{} {}", "p.json:1:4: it is not valid JSON: `{` stands where the end of the file should be"],
  [
    "[".repeat(100_000),
    "p.json:1:202: it is not valid JSON: it is nested more than 200 levels deep",
  ],
];

for (const [text, message] of FAULTS) {
  Deno.test(`scanJson: ${JSON.stringify(text.slice(0, 30))}`, () => {
    assert.throws(() => scan(text), { message: `cannot read the PRD at ${message}` });
  });
}
