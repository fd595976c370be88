/**
 * What agents write may be large or odd: what is read is bounded by the file's size. Where it was not,
 * each of these took minutes.
 */
import assert from "node:assert/strict";
import { type Census, compareCensus, countTests } from "../../../../src/verify/census/census.ts";
import { testLanguage } from "../../../../src/verify/census/file_names.ts";
import { placesOf } from "../../../../src/verify/census/places.ts";
import { readTests } from "../../../../src/verify/census/readers.ts";
import { DEPTH_MAX } from "../../../../src/verify/census/source_text.ts";

const MANY = 16_000;
const count = (file: string, text: string) =>
  countTests(file, new TextEncoder().encode(text)).length;
const repeated = (make: (i: number) => string, times = MANY) =>
  Array.from({ length: times }, (_, i) => make(i)).join("");

const ORDINARY: Record<string, (i: number) => string> = {
  "a.test.ts": (i) => `it("adds ${i}", () => { expect(add()).toBe(${i}); });\n`,
  "b.test.ts": (i) => `it.only("adds ${i}", () => { expect(add()).toBe(${i}); });\n`,
  "test_a.py": (i) => `def test_a${i}():\n    assert add() == ${i}\n\n`,
  "a_test.go": (i) => `func TestA${i}(t *testing.T) { if add() != ${i} { t.Fatal() } }\n`,
  "a.rs": (i) => `#[test]\nfn a${i}() { assert_eq!(add(), ${i}); }\n`,
  "CartTest.java": (i) => `@Test void a${i}() { assertEquals(${i}, add()); }\n`,
  "CartTests.cs": (i) => `[Fact] public void A${i}() { Assert.Equal(${i}, Add()); }\n`,
  "a_spec.rb": (i) => `it "a${i}" do\n  expect(add).to eq ${i}\nend\n`,
  "CartTest.php": (i) => `function testA${i}() { $this->assertSame(${i}, add()); }\n`,
  "test_a.sh": (i) => `test_a${i}() {\n  [ $(add) = ${i} ]\n}\n`,
};

/** Up to 1 MB, which is the longest that is read. */
const ODD: Record<string, readonly string[]> = {
  "a.test.ts": [
    repeated((i) => `it("a${i}", () => {\n`),
    repeated((i) => `describe("g${i}", () => {\n`) + repeated(() => "});\n"),
    '\\"'.repeat(500_000),
    "`${a".repeat(200_000),
    "[/]".repeat(300_000),
    " ".repeat(1_000_000),
    "fit(a,".repeat(100_000),
    "it({ ".repeat(100_000),
    `it("a", () => { ${"a".repeat(900_000)} });`,
    "test . ".repeat(100_000),
    `describe("${"a".repeat(400_000)}", () => {${repeated((i) => `it("${i}", f);`)}});`,
  ],
  "test_a.py": [
    "@skip\n".repeat(80_000) + repeated((i) => `x = 1\nclass A${i}:\n  pass\n`),
    repeated((i) => `class A${i}(\n`),
    repeated((i) => `${" ".repeat(i)}def test_a${i}():\n`, 1_300),
    "class A:\n" + "\n".repeat(900_000),
    repeated((i) => `def test_a${i}\n`),
  ],
  "a_test.go": [
    repeated((i) => `func TestA${i}()\n`),
    "func TestA(t *testing.T) {" + 't.Run("a'.repeat(100_000),
  ],
  "a.rs": ["#[a]\n".repeat(200_000), "#[".repeat(500_000), 'r#" '.repeat(200_000)],
  "CartTest.java": [
    "@Test\n".repeat(150_000),
    "@Test a( ".repeat(100_000),
    "@Disabled x ".repeat(80_000),
    "@Test " + "a<b ".repeat(200_000),
  ],
  "CartTests.cs": ["[" + " ".repeat(1_000_000), "[Ignore ".repeat(120_000)],
  "a_spec.rb": [
    repeated((i) => `describe "a${i}" do\n`) + "end\n",
    repeated((i) => `it "a${i}" do\n`) + "end\n",
    "=begin\n".repeat(140_000),
    'it "a" do\n' + "\n".repeat(900_000) + "end\n",
  ],
  "CartTest.php": ["#[ function testA()".repeat(50_000)],
  "test_a.sh": [repeated((i) => `test_a${i}() {\n`), "@test" + " ".repeat(900_000)],
};

for (const [file, make] of Object.entries(ORDINARY)) {
  Deno.test(`${file}: ${MANY} tests in one file are counted`, () => {
    assert.equal(count(file, repeated(make)), MANY);
  });
}

for (const [file, texts] of Object.entries(ODD)) {
  Deno.test(`${file}: no sign of an odd file is read as part of more than ${DEPTH_MAX} tests`, () => {
    for (const text of texts) {
      const language = testLanguage(file);
      assert(language && text.length <= 1024 ** 2 + 100_000, text.slice(0, 20));
      const found = readTests(text, language);
      const read = found.reduce((sum, { body }) => sum + body.length, 0);
      const names = found.reduce((sum, { name }) => sum + name.length, 0);
      // The heads of Ruby come on top.
      assert(read <= (DEPTH_MAX + 2) * text.length, `${text.slice(0, 20)}: ${read}`);
      assert(names <= DEPTH_MAX * 400 * found.length, `${text.slice(0, 20)}: ${names}`);
      count(file, text);
    }
  });
}

Deno.test("a census of 16,000 tests is compared, whatever they were renamed to", () => {
  const census = (name: string, word: (i: number) => string): Census => ({
    "a.test.ts": {
      tests: Array.from({ length: MANY }, (_, i) => ({
        ...{ name: `${name}${i}`, skipped: false, assertions: 1, calls: [] },
        words: [word(i), "expect"],
      })),
    },
  });
  const was = census("a", (i) => `was${i}`);
  assert.equal(compareCensus(was, census("b", (i) => `was${MANY - 1 - i}`)).words, "");
  assert.equal(compareCensus(was, census("b", (i) => `is${i}`)).deleted.length, MANY);
});

Deno.test("tests in a comment of several lines are none", () => {
  const text = '/*\nit("a", () => { expect(1).toBe(2); });\n*/\nit("b", () => {});\n';
  assert.equal(count("a.test.ts", text), 1);
  assert.equal(count("a.test.ts", text.replace("*/", "")), 0);
});

Deno.test("places are found before and behind", () => {
  const places = placesOf("a;b{c}", /[;{}]/g);
  assert.deepEqual([0, 1, 2, 6].map(places.lastBefore), [-1, -1, 1, 5]);
  assert.deepEqual([0, 1, 2, 6].map(places.firstFrom), [1, 1, 3, undefined]);
});
