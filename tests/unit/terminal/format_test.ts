import assert from "node:assert/strict";
import { age, count, duration, plural, usd } from "../../../src/terminal/format.ts";
import { bar } from "../../../src/terminal/bar.ts";
import { costWords, shortCost, shortTokens, tokenWords } from "../../../src/terminal/cost.ts";
import { underItself, wrap } from "../../../src/terminal/table.ts";
import { redraw } from "../../../src/terminal/live.ts";
import { fit, fittedTable, table, width } from "../../../src/terminal/table.ts";

Deno.test("durations", () => {
  const cases: [number, string][] = [
    [-5, "0s"],
    [0, "0.0s"],
    [840, "0.8s"],
    [9_940, "9.9s"],
    [9_960, "10s"],
    [59_400, "59s"],
    [59_600, "1m 0s"],
    [185_000, "3m 5s"],
    [7_860_000, "2h 11m"],
  ];
  for (const [ms, expected] of cases) assert.equal(duration(ms), expected);
});

Deno.test("ages are in one unit, and a clock that was set back is told", () => {
  const now = Date.UTC(2026, 10, 20);
  const cases: [number, string][] = [
    [0, "0s"],
    [59_000, "59s"],
    [60_000, "1m"],
    [3_599_000, "59m"],
    [3_600_000, "1h"],
    [86_400_000, "1d"],
    [40 * 86_400_000, "2026-10-11"],
    [-1_000, "0s"],
    [-60_000, "clock moved"],
  ];
  for (const [ago, expected] of cases) assert.equal(age(now - ago, now), expected);
});

Deno.test("numbers", () => {
  assert.equal(count(1234567), "1,234,567");
  assert.equal(count(999), "999");
  assert.equal(plural(1, "commit"), "1 commit");
  assert.equal(plural(2000, "commit"), "2,000 commits");
  assert.equal(plural(0, "model call"), "0 model calls");
  assert.equal(plural(1, "story"), "1 story");
  assert.equal(plural(2, "story"), "2 stories");
  assert.equal(plural(2, "day"), "2 days");
  assert.equal(usd(0.00321), "$0.0032");
  assert.equal(usd(12.345), "$12.35");
  assert.equal(usd(null), "cost unknown");
});

Deno.test("columns are aligned by what they take on a terminal", () => {
  assert.deepEqual(table([["a", "b"], ["日本", "c"], ["\x1b[31mred\x1b[39m", "d"]]), [
    "a     b",
    "日本  c",
    "\x1b[31mred\x1b[39m   d",
  ]);
});

Deno.test("text is cut to the columns that there are", () => {
  assert.equal(fit("hello", 5), "hello");
  assert.equal(fit("hello!", 5), "hell…");
  assert.equal(fit("日本語", 5), "日本…");
  assert.equal(fit("hello", 0), "");
  assert.equal(width(fit("日本語", 4)), 3);
});

Deno.test("a block is erased and drawn anew below what stays", () => {
  const text = redraw({ drawn: 2, above: ["kept"], block: ["one", "two"] });
  assert.equal(
    text,
    "\x1b[?2026h\r\x1b[1A\x1b[Jkept\none\ntwo\x1b[?2026l",
  );
  assert.equal(redraw({ drawn: 0, above: [], block: [] }), "\x1b[?2026h\x1b[?2026l");
});

Deno.test("a bar is full only when all is done, and empty only when nothing is", () => {
  const cases: [number, number, string][] = [
    [0, 3, "░░░░░"],
    [1, 100, "█░░░░"],
    [2, 3, "███░░"],
    [99, 100, "████░"],
    [3, 3, "█████"],
    [0, 0, ""],
  ];
  for (const [done, total, expected] of cases) assert.equal(bar(done, total, 5), expected);
});

Deno.test("a cost in little room says what of it is derived or unknown", () => {
  const spent = (costUsd: number, derivedCostUsd = 0, unpricedCalls = 0) => ({
    costUsd,
    derivedCostUsd,
    unpricedCalls,
  });
  assert.equal(shortCost(spent(0)), "$0.00");
  assert.equal(shortCost(spent(0.001), 5), "<$0.01 of $5.00");
  assert.equal(shortCost(spent(1.25, 0.25)), "~$1.50");
  assert.equal(shortCost(spent(1.25, 0.25, 1)), "≥$1.50");
  assert.equal(shortCost(spent(0, 0, 1), 2), "unknown of $2.00");
  assert.equal(shortCost(undefined), "unknown");
  assert.equal(shortCost({ ...spent(1.25), unknownParts: 1 }), "≥$1.25");
});

Deno.test("what is spent: a part that is unknown is said, and never makes a sum of nothing", () => {
  const cases: [Parameters<typeof tokenWords>, string, string][] = [
    [[0, { uncountedCalls: 0 }], "0", "0 tokens"],
    [[1, { uncountedCalls: 0 }], "1", "1 token"],
    [[4_200, { uncountedCalls: 0, unknownParts: 0 }], "4,200", "4,200 tokens"],
    [[4_200, { uncountedCalls: 1 }], "≥4,200", "≥4,200 tokens"],
    [[4_200, { uncountedCalls: 0, unknownParts: 1 }], "≥4,200", "≥4,200 tokens"],
    [[0, { uncountedCalls: 1 }], "unknown", "tokens unknown"],
    [[0, { uncountedCalls: 0, unknownParts: 2 }], "unknown", "tokens unknown"],
  ];
  for (const [used, short, words] of cases) {
    assert.deepEqual([shortTokens(...used), tokenWords(...used)], [short, words]);
  }
  const cost = (costUsd: number, unpricedCalls: number, unknownParts: number) =>
    costWords({ costUsd, derivedCostUsd: 0, unpricedCalls, unknownParts });
  assert.equal(cost(2, 0, 1), "$2.00 + 1 iteration of unknown cost");
  assert.equal(cost(2, 1, 2), "$2.00 + 1 call and 2 iterations of unknown cost");
  assert.equal(cost(0, 0, 1), "cost unknown");
});

Deno.test("text is broken at blanks, by the columns that it takes, and what can be pasted stays whole", () => {
  assert.deepEqual(wrap("one two three", 7), ["one two", "three"]);
  assert.deepEqual(wrap("作業 作業 作業", 9), ["作業 作業", "作業"]);
  assert.deepEqual(wrap("do it with `ralph run a b`, then", 16), [
    "do it with",
    "`ralph run a b`,",
    "then",
  ]);
  assert.deepEqual(wrap("a `b", 20), ["a `b"]);
  assert.deepEqual(wrap("/a/long/path/that/stays", 5), ["/a/long/path/that/stays"]);
  assert.deepEqual(wrap("", 5), [""]);
  // There are no blanks in it: nothing else would be a line of that width.
  assert.deepEqual(wrap("US-1 購物車顯示所有商品 (3 open)", 12), [
    "US-1 購物車",
    "顯示所有商品",
    "(3 open)",
  ]);
  assert.deepEqual(wrap("/a/購物車顯示所有商品", 8), ["/a/購物車顯示所有商品"]);
  assert.deepEqual(wrap("`ralph run 購物車顯示所有商品`", 8), ["`ralph run 購物車顯示所有商品`"]);
});

Deno.test("a line that is too long goes on under its own beginning", () => {
  assert.deepEqual(underItself("  one two three", 9), ["  one two", "  three"]);
  assert.deepEqual(underItself("  one   two", 11), ["  one   two"]);
});

Deno.test("a table takes the first layout that fits, and gives what is left to what was cut", () => {
  const name = { title: "NAME", cell: (row: string) => row, min: 4 };
  const size = { title: "SIZE", cell: (row: string) => String(width(row)) };
  const rows = ["short", "🚀🚀🚀🚀🚀"];
  const at = (columns: number) =>
    fittedTable(rows, [[name, size], [name]], { columns, paintTitle: String });
  assert.deepEqual(at(40), ["NAME        SIZE", "short       5", "🚀🚀🚀🚀🚀  10"]);
  assert.deepEqual(at(12), ["NAME   SIZE", "short  5", "🚀🚀…  10"]);
  assert.deepEqual(at(9), ["NAME", "short", "🚀🚀🚀🚀…"]);
  for (const columns of [4, 9, 10, 12, 40]) {
    for (const line of at(columns)) assert(width(line) <= columns, `${columns}: ${line}`);
  }
});
