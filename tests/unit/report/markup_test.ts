import assert from "node:assert/strict";
import fc from "fast-check";
import { markup } from "../../../src/report/markup.ts";

Deno.test("text is escaped, for content and for attributes, and markup is not", () => {
  const inner = markup`<b>${"a & b"}</b>`;
  const { text } = markup`<p title="${`"'<>\``}">${inner}${[inner, 1.5]}${null}${undefined}</p>`;
  assert.equal(
    text,
    '<p title="&#34;&#39;&#60;&#62;&#96;"><b>a &#38; b</b><b>a &#38; b</b>1.5</p>',
  );
});

Deno.test("what is not to be seen, or turns text around, is shown; line ends and tabs stay", () => {
  assert.equal(markup`${"a\tb\nc\r\x1b\u202e\u200b"}`.text, "a\tb\nc\\r\\x1b\\u202e\\u200b");
});

Deno.test("an object that looks like markup is none", () => {
  const forged = { text: "<script>" } as unknown as string;
  assert.throws(() => markup`${forged}`);
});

Deno.test("no text leaves an attribute or becomes an element", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.doesNotMatch(markup`${text}`.text, /[<>"'`]|&(?!#\d+;)/);
  }));
});
