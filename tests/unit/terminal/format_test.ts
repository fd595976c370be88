import assert from "node:assert/strict";
import { age, count, duration, plural, usd } from "../../../src/terminal/format.ts";
import { redraw } from "../../../src/terminal/live.ts";
import { fit, table, width } from "../../../src/terminal/table.ts";

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

Deno.test("a block is erased line by line and drawn anew below what stays", () => {
  const text = redraw({ drawn: 2, above: ["kept"], block: ["one", "two"] });
  assert.equal(
    text,
    "\x1b[?2026h\r\x1b[2K\x1b[1A\x1b[2Kkept\none\ntwo\x1b[?2026l",
  );
  assert.equal(redraw({ drawn: 0, above: [], block: [] }), "\x1b[?2026h\x1b[?2026l");
});
