import assert from "node:assert/strict";
import { systemClock } from "../../../../src/host/system/clock.ts";
import { projectFiles } from "../../../../src/host/files/project_files.ts";
import {
  type Census,
  compareCensus,
  countTests,
  takeCensus,
} from "../../../../src/verify/census/census.ts";
import { makeProject } from "../../../support/project.ts";
import { GENEROUS_MS } from "../../../support/wait.ts";

const tests = (file: string, text: string) => countTests(file, new TextEncoder().encode(text));

/** `name` or `-name` when it is skipped, with the number of its assertions. */
const summary = (file: string, text: string) =>
  tests(file, text).map(({ name, skipped, assertions }) =>
    `${skipped ? "-" : ""}${name} ${assertions}`
  );

function census(files: Record<string, string>): Census {
  return Object.fromEntries(
    Object.entries(files).map(([file, text]) => [file, { tests: tests(file, text) }]),
  );
}

function changes(before: Record<string, string>, after: Record<string, string>) {
  const { words: _, ...lists } = compareCensus(census(before), census(after));
  return lists;
}

const NONE = { deleted: [], emptied: [], skipped: [] };

Deno.test("Deno: all forms of a test, and those that are left out", () => {
  assert.deepEqual(
    summary(
      "tests/a_test.ts",
      `import { assertEquals } from "x";
// Deno.test("in a comment", () => assert(x));
const text = 'Deno.test("in a string", () => {})';
Deno.test("one: it's (\`odd\`)", () => { assertEquals(add(1, 2), 3); assert(x, "a )"); });
Deno.test("options", { permissions: { read: true } }, async (t) => {
  await t.step("a step", () => assertEquals(/["')]/.test(a / b), c / d));
  await t.step({ name: "left out", ignore: true, fn: () => assert(x) });
});
Deno.test({ name: "object", fn() { assert(skip({ ignore: true })); } });
Deno.test({ name: "ignored", ignore: Deno.build.os === "windows", fn: () => assert(x) });
Deno.test({ name: "not ignored", ignore: false, fn: () => assert(x) });
Deno.test(function named() { assert(x); });
Deno.test.ignore("ignored too", () => { assert(x); });
Deno.test(\`template \${a + \`b\`}\`, () => { assert(\`)\${"}"}\`); });
fit("text", 5); xit("text"); function test(name, run) {}
/re/.test("x"); pattern.test(y); const test = run(1); it.next(); suite.run();
`,
    ),
    [
      "one: it's (`odd`) 2",
      "options 2",
      "options > a step 1",
      "-options > left out 1",
      "object 1",
      "-ignored 1",
      "not ignored 1",
      "named 1",
      "-ignored too 1",
      "template ${a + `b`} 1",
    ],
  );
});

Deno.test("Jest, Vitest, Mocha, node:test, Playwright", () => {
  assert.deepEqual(
    summary(
      "src/cart.spec.tsx",
      `describe("cart", () => {
  beforeEach(() => {});
  it("adds", async () => { expect(cart.add(1)).toBe(1); });
  it.skip("skipped", () => { expect(1).toBe(x); });
  xit('x', () => { expect(x).toBe(1) });
  it.todo("to do");
  it("pending");
  test.each([[1, "a)"], [2, "b"]])("each %i", (n) => { expect(f(n)).toBe(n); });
  test.each\`a | b
    \${1} | \${2}\`("table", ({ a, b }) => { expect(a).toBe(b) });
  it.skipIf(process.env.CI)("not in CI", () => expect(x).toBe(1));
  it("asks itself", function () { if (slow) this.skip(); expect(x).toBe(2); });
  test("node", { skip: true, timeout: 5 }, (t) => { t.assert.equal(1, x); });
  test("node too", { skip: false }, () => { assert.equal(1, x); });
  describe.skip("group", () => { it("in it", () => { expect(x).toBe(2) }) });
});
test.describe("play", () => { test("wright", async ({ page }) => { await expect(page).toHaveURL(x); }) });
`,
    ),
    [
      "cart > adds 1",
      "-cart > skipped 1",
      "-cart > x 1",
      "-cart > to do 0",
      "-cart > pending 0",
      "cart > each %i 1",
      "cart > table 1",
      "-cart > not in CI 1",
      "-cart > asks itself 1",
      "-cart > node 1",
      "cart > node too 1",
      "-cart > group > in it 1",
      "play > wright 1",
    ],
  );
});

Deno.test("`only` leaves out all others in its file", () => {
  const file = (only: string) =>
    `describe("a", () => { it${only}("one", () => expect(x).toBe(1)); it("two", () => expect(x).toBe(2)) });
     it("three", () => expect(x).toBe(3));`;
  assert.deepEqual(changes({ "a.test.js": file("") }, { "a.test.js": file(".only") }), {
    ...NONE,
    skipped: ["a.test.js: a > two", "a.test.js: three"],
  });
  assert.deepEqual(
    summary(
      "a.test.js",
      `fdescribe("a", () => { it("b", () => expect(x)) }); it("c", () => expect(x))`,
    ),
    ["a > b 1", "-c 1"],
  );
});

Deno.test("Python: pytest and unittest", () => {
  assert.deepEqual(
    summary(
      "tests/test_a.py",
      `"""Doc: def test_in_a_string(): pass"""
import pytest

def helper():
    return 1

@pytest.mark.parametrize(
    "a, b",
    [(1, 2)],
)
def test_one(
    a,
    b,
):
    text = """
not indented: assert nothing
"""
    assert a < b  # assert c

@pytest.mark.skip(reason="later")
async def test_two():
    assert helper()

@pytest.mark.xfail
def test_three(): assert helper()

class TestCart(unittest.TestCase):
    def setUp(self):
        pass

    @unittest.skipIf(True, "x")
    def test_a(self):
        self.assertEqual(1, f(2))

    def test_b(self):
        self.skipTest("x")

    def test_c(self):
        with self.assertRaises(X):
            f()

@unittest.skip("all")
class TestOff:
    def test_d(self):
        assert f()

def test_end():
    pytest.skip("x")
# def test_gone(): assert x
`,
    ),
    [
      "test_one 1",
      "-test_two 1",
      "-test_three 1",
      "-TestCart > test_a 1",
      "-TestCart > test_b 0",
      "TestCart > test_c 1",
      "-TestOff > test_d 1",
      "-test_end 0",
    ],
  );
  assert.deepEqual(
    summary("test_a.py", "pytestmark = pytest.mark.skip\ndef test_a():\n  assert f()\n"),
    ["-test_a 1"],
  );
});

Deno.test("Go, Rust", () => {
  assert.deepEqual(
    summary(
      "a/b_test.go",
      'package a\n\nfunc TestA(t *testing.T) {\n\tif f() != "}" { t.Errorf("%d", 1) }\n' +
        '\tt.Run("sub one", func(t *testing.T) { require.Equal(t, 1, f()) })\n}\n' +
        'func TestB(t *testing.T) {\n\tt.Skip("later")\n\tt.Log(`{`)\n}\nfunc helper() {}\n',
    ),
    ["TestA 2", "TestA > sub one 1", "-TestB 0"],
  );
  assert.deepEqual(
    summary("b_test.go", "//go:build never\n\npackage a\nfunc TestA(t *testing.T) { t.Fatal() }"),
    ["-TestA 1"],
  );
  assert.deepEqual(
    summary(
      "src/lib.rs",
      `fn add<'a>(x: &'a str) {}
#[cfg(test)]
mod tests {
    #[test]
    fn adds() { assert_eq!(add('"'), r#"a"}"#); }
    #[tokio::test]
    #[ignore = "slow"]
    async fn slow() { assert!(x()); }
    #[test]
    #[should_panic(expected = "no")]
    fn panics() { add(1); }
    #[test] #[cfg(feature = "never")]
    fn off() { assert!(y()); }
    #[inline]
    fn helper() {}
}`,
    ),
    ["adds 1", "-slow 1", "panics 1", "-off 1"],
  );
});

Deno.test("Java, Kotlin, C#", () => {
  assert.deepEqual(
    summary(
      "src/test/java/CartTest.java",
      `class CartTest {
  @Test
  void adds() throws Exception { assertEquals(3, add(1, 2)); }
  @ParameterizedTest(name = "{0}") @ValueSource(ints = {1, 2})
  public void each(int n) { assertTrue(f(n)); }
  @Disabled("later") @Test void off() { assertTrue(f()); }
  @Test(enabled = false) public void ng() { assertTrue(f()); }
  @BeforeEach void setUp() { assertTrue(f()); }
}`,
    ),
    ["adds 1", "each 1", "-off 1", "-ng 1"],
  );
  assert.deepEqual(
    summary(
      "app/CartTest.kt",
      "@Ignore class CartTest { @Test fun `adds two`() = runTest { assertEquals(1, f()) } }",
    ),
    ["-`adds two` 1"],
  );
  assert.deepEqual(
    summary(
      "Shop.Tests/Cart.cs",
      `public class Cart {
  [Fact] public void Adds() { Assert.Equal(3, Add(1, 2)); }
  [Theory, InlineData(1)]
  [InlineData(2)]
  public async Task Each(int n) => Assert.True(F(n));
  [Fact(Skip = "later")] public void Off() { F().Should().Be(1); }
  [Test, Ignore("x")] public void Ignored() { Assert.That(F()); }
  [TestCase(1)]
  [TestCase(2)]
  public void Cases(int n) { Assert.That(n); }
}`,
    ),
    ["Adds 1", "Each 1", "-Off 1", "-Ignored 1", "Cases 1"],
  );
});

Deno.test("Ruby, PHP, bats, shell", () => {
  assert.deepEqual(
    summary(
      "spec/cart_spec.rb",
      `# it "in a comment" do
RSpec.describe Cart do
  context "with items" do
    it "adds" do
      expect(cart.add(1)).to eq(1)
    end
    xit "x" do
      expect(1).to eq(f)
    end
    it "pending"
    it "skips", :skip do
      expect(1).to eq(f)
    end
    it { should be_ok }
  end
end
`,
    ),
    [
      "Cart > with items > adds 1",
      "-Cart > with items > x 1",
      "-Cart > with items > pending 0",
      "-Cart > with items > skips 1",
      "Cart > with items > should 1",
    ],
  );
  assert.deepEqual(
    summary(
      "test/a_test.rb",
      "class A\n  def test_one\n    assert_equal 1, f\n  end\n  def helper\n  end\nend\n",
    ),
    ["test_one 1"],
  );
  assert.deepEqual(
    summary(
      "tests/CartTest.php",
      `<?php class CartTest extends TestCase {
  public function testAdds(): void { $this->assertSame(3, add(1)); }
  #[Test] public function works(): void { $this->assertTrue(f()); }
  /** @test */ public function doc() { $this->markTestSkipped("x"); }
  private function helper() {}
}
it('pest', function () { expect(f())->toBe(1); });
test('off', function () { expect(f())->toBe(1); })->skip();`,
    ),
    ["testAdds 1", "works 1", "-doc 0", "pest 1", "-off 1"],
  );
  assert.deepEqual(
    summary(
      "test/a.bats",
      '@test "adds two" {\n  run add 1\n  [ "$status" -eq 0 ]\n}\n\n@test "off" {\n  skip\n  false\n}\n',
    ).map((line) => line.replace(/ \d$/, "")),
    ["adds two", "-off"],
  );
  assert.deepEqual(summary("tests/test_a.sh", "testOne() {\n  assertEquals 1 $#\n}\n").length, 1);
});

const TEST = `Deno.test("adds", () => { assertEquals(add(1, 2), 3); });\n`;
const OTHER = `Deno.test("takes", () => { assertEquals(take(9), "none"); });\n`;

Deno.test("tests that are deleted, emptied or newly skipped are found", () => {
  const before = { "tests/a_test.ts": TEST + OTHER };
  const deleted = { ...NONE, deleted: ["tests/a_test.ts: adds"] };
  assert.deepEqual(changes(before, { "tests/a_test.ts": OTHER }), deleted);
  assert.deepEqual(changes(before, { "tests/a_test.ts": `// ${TEST}${OTHER}` }), deleted);
  assert.deepEqual(changes(before, { "tests/a_test.ts": `/* ${TEST} */ ${OTHER}` }), deleted);
  assert.deepEqual(changes(before, {}).deleted.length, 2);
  const unlike = `Deno.test("new", () => { assertEquals(price(), euros(10)); });`;
  assert.deepEqual(changes(before, { "tests/a_test.ts": unlike + OTHER }), deleted, "replaced");
  for (
    const body of [
      "",
      "// assert(x)",
      "add(1, 2);",
      "console.log(1);",
      "assert(true);",
      "expect(1).toBe(1)",
    ]
  ) {
    assert.deepEqual(
      changes(before, { "tests/a_test.ts": `Deno.test("adds", () => { ${body}\n });` + OTHER }),
      { ...NONE, emptied: ["tests/a_test.ts: adds"] },
      body,
    );
  }
  assert.deepEqual(
    changes(before, { "tests/a_test.ts": TEST.replace("test(", "test.ignore(") + OTHER }),
    { ...NONE, skipped: ["tests/a_test.ts: adds"] },
  );
});

Deno.test("what takes nothing away: moved, regrouped, renamed, rewritten, added", () => {
  const before = { "tests/a_test.ts": TEST + OTHER };
  const same: Record<string, Record<string, string>> = {
    moved: { "tests/a_test.ts": OTHER, "tests/b/c_test.ts": TEST },
    regrouped: { "tests/a_test.ts": `describe("math", () => { ${TEST} });` + OTHER },
    renamed: { "tests/a_test.ts": TEST.replace("adds", "sums up") + OTHER },
    "renamed with its function": {
      "tests/a_test.ts": TEST.replace("adds", "sums up").replace("add(", "sum(") + OTHER,
    },
    "file renamed": { "tests/z_test.ts": TEST + OTHER },
    "asserts by a helper": {
      "tests/a_test.ts": `Deno.test("adds", () => { sumIs([1, 2], 3); });` + OTHER,
    },
    formatted: { "tests/a_test.ts": OTHER + TEST.replaceAll(" ", "\n   ").replaceAll(",", " ,") },
    added: { "tests/a_test.ts": TEST + OTHER + TEST.replace("adds", "more") },
  };
  for (const [what, after] of Object.entries(same)) {
    assert.deepEqual(changes(before, after), NONE, what);
  }
  const skipped = { "a_test.ts": TEST.replace("test(", "test.ignore(") };
  assert.deepEqual(changes(skipped, {}), NONE, "a skipped test proved nothing");
  assert.deepEqual(changes(skipped, skipped), NONE);
});

Deno.test("a script of tests without a framework is one test", () => {
  const shell = 'set -e\nout=$(./app)\n[ "$out" = ok ]\n';
  const before = {
    "tests/login.sh": shell,
    "tests/lib.sh": "start() { ./app & }\n",
    "test/add.js": "import assert from 'node:assert';\nassert.equal(add(1, 2), 3);\n",
    "test/helper.js": "import assert from 'node:assert';\nassert(process);\nexport const x = 1;\n",
    "tests/sum.py": "from app import add\nassert add(1, 2) == 3\n",
    "tests/data.py": "rows = [1, 2]\n",
  };
  const { deleted } = changes(before, {});
  assert.deepEqual(deleted, [
    "tests/login.sh: login.sh",
    "test/add.js: add.js",
    "tests/sum.py: sum.py",
  ]);
  const emptied = changes(before, { ...before, "tests/login.sh": "exit 0\n" });
  assert.deepEqual(emptied.emptied, ["tests/login.sh: login.sh"]);
  const { "tests/login.sh": moved, ...rest } = before;
  assert.deepEqual(changes(before, { ...rest, "tests/user/login.sh": moved }), NONE);
  const asTests =
    `import test from "node:test";\ntest("adds", () => { assert.equal(add(2, 2), 4); });`;
  assert.deepEqual(changes(before, { ...before, "test/add.js": asTests }), NONE);
});

Deno.test("one of two tests with the same name is missed", () => {
  const { deleted } = changes({ "a_test.ts": TEST + TEST }, { "a_test.ts": TEST });
  assert.deepEqual(deleted, ["a_test.ts: adds"]);
});

Deno.test("the words are bounded and safe to print", () => {
  const many = Array.from(
    { length: 12 },
    (_, i) => TEST.replace("adds", `\x1b[31m${i} ${"x".repeat(200)}`),
  );
  const { words } = compareCensus(census({ "a_test.ts": many.join("") }), {});
  assert.match(words, /^12 tests deleted: a_test\.ts: \\x1b\[31m0 x+…, .*, and 7 more$/);
  assert(words.length < 700);
  assert.equal(compareCensus({}, {}).words, "");
});

Deno.test("broken and hostile files end in time", () => {
  const texts = [
    "Deno.test(",
    "describe(".repeat(5_000),
    "it('a', () => {".repeat(2_000),
    "`${".repeat(5_000),
    "'".repeat(50_001),
    '"""'.repeat(9_999),
    "#[test]".repeat(5_000),
    "@Test ".repeat(3_000),
    "class A:\n".repeat(3_000),
    "/".repeat(50_000),
    "[ = (".repeat(9_000),
    "@test {".repeat(3_000),
    "func TestA(".repeat(3_000),
    "it 'a' do\n".repeat(2_000),
    "test.each(".repeat(3_000),
    "\0\ufffd",
    "`" + "\\`${a}".repeat(3_000),
    "return /".repeat(9_000),
    "fn ".repeat(9_000),
    "a(".repeat(20_000),
  ];
  for (const text of texts) {
    for (
      const file of [
        "t_test.ts",
        "test_a.py",
        "a_test.go",
        "a.rs",
        "ATest.java",
        "ATests.cs",
        "a_spec.rb",
        "ATest.php",
        "a.bats",
      ]
    ) {
      const started = performance.now();
      tests(file, text);
      const took = performance.now() - started;
      assert(took < GENEROUS_MS, `${file}: ${text.slice(0, 20)} took ${Math.round(took)} ms`);
    }
  }
});

Deno.test("2,000 test files are counted in seconds, and unchanged ones not read again", async () => {
  const names = Array.from({ length: 2_000 }, (_, i) => `tests/${i % 40}/${i}_test.ts`);
  const text = (i: number) =>
    Array.from({ length: 20 }, (_, n) => TEST.replace("adds", `${i} adds ${n}`)).join("\n");
  await using project = await makeProject({
    files: Object.fromEntries(names.map((name, i) => [name, text(i)])),
  });
  const real = projectFiles(systemClock);
  let reads = 0;
  const tools = {
    ...real,
    // as if a second had gone by
    fileKey: (file: string) =>
      Deno.statSync(file).size + ":" + Deno.statSync(file).mtime?.getTime(),
    readFile: (file: string) => (reads++, real.readFile(file)),
  };
  const started = performance.now();
  const before = await takeCensus(project.root, { tools });
  const took = performance.now() - started;
  assert.equal(Object.values(before).reduce((sum, { tests }) => sum + tests.length, 0), 40_000);
  assert(took < GENEROUS_MS, `${took} ms`);
  assert.equal(reads, 2_000);
  await project.write(names[7], "");
  const after = await takeCensus(project.root, {
    tools,
    earlier: JSON.parse(JSON.stringify(before)),
  });
  assert.equal(reads, 2_001);
  assert.equal(compareCensus(before, after).deleted.length, 20);
});
