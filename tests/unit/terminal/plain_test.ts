import assert from "node:assert/strict";
import fc from "fast-check";
import { plain } from "../../../src/terminal/plain.ts";

const CASES: readonly [what: string, text: string, shown: string][] = [
  ["letters of any language", "naïve 任务 задача", "naïve 任务 задача"],
  ["line ends and tabs", "a\nb\r\nc\td", "a\\nb\\r\\nc\\td"],
  ["escape codes", "\x1b]0;title\x07", "\\x1b]0;title\\x07"],
  ["NUL, DEL and C1", "\0\x7f\x9b", "\\x00\\x7f\\x9b"],
  ["bidirectional controls", "a\u202eb\u2066c", "a\\u202eb\\u2066c"],
  ["zero-width characters", "a\u200b\u200d\ufeff\u2060b", "a\\u200b\\u200d\\ufeff\\u2060b"],
  ["line and paragraph separators", "\u2028\u2029", "\\u2028\\u2029"],
  ["fillers and variation selectors", "a\u3164\ufe0f", "a\\u3164\\ufe0f"],
  ["tag characters beyond the BMP", "a\u{e0041}", "a\\u{e0041}"],
  ["half of a surrogate pair", "a\ud800b", "a\\ud800b"],
  ["an emoji, joined and coloured", "✔️ 👩🏽‍💻 1️⃣", "✔️ 👩🏽‍💻 1️⃣"],
  ["a backslash", "a\\nb", "a\\nb"],
];

for (const [what, text, shown] of CASES) {
  Deno.test(`plain: ${what}`, () => assert.equal(plain(text), shown));
}

const CUTS: readonly [text: string, maxLength: number, shown: string][] = [
  ["abcdef", 6, "abcdef"],
  ["abcdef", 5, "abcd…"],
  ["abcdef", 1, "…"],
  ["abcdef", 0, ""],
  ["ab\x1bcd", 5, "ab…"],
  ["a😀😀", 4, "a😀…"],
  ["a😀😀", 3, "a…"],
];

for (const [text, maxLength, shown] of CUTS) {
  Deno.test(`plain: ${JSON.stringify(text)} in ${maxLength}`, () => {
    assert.equal(plain(text, maxLength), shown);
  });
}

Deno.test("plain: no text brings anything raw to the terminal, or more than was asked for", () => {
  const text = fc.string({ unit: "binary", maxLength: 200 });
  const loose = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 50 })
    .map((units) => String.fromCharCode(...units));
  fc.assert(
    fc.property(fc.oneof(text, loose), fc.integer({ min: 0, max: 60 }), (text, maxLength) => {
      const shown = plain(text, maxLength);
      assert(shown.length <= maxLength);
      assert(shown.isWellFormed());
      assert.doesNotMatch(shown, /[\p{Cc}\p{Zl}\p{Zp}\u200b\u2060\ufeff\p{Bidi_Control}]/u);
    }),
  );
});
