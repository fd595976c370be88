import assert from "node:assert/strict";
import { table, width } from "../../../src/terminal/table.ts";

const ROWS = [
  ["TASK", "STATUS", "WHAT"],
  ["one", "running", "the agent works on the story that is open"],
  ["another", "stopped", ""],
];

Deno.test("a table is as wide as its cells where there is room", () => {
  assert.deepEqual(table(ROWS), [
    "TASK     STATUS   WHAT",
    "one      running  the agent works on the story that is open",
    "another  stopped",
  ]);
});

Deno.test("in a narrow terminal the last cell goes on in further lines", () => {
  assert.deepEqual(table(ROWS, 44), [
    "TASK     STATUS   WHAT",
    "one      running  the agent works on the",
    "                  story that is open",
    "another  stopped",
  ]);
});

Deno.test("cells for which there is no room stand below their row", () => {
  assert.deepEqual(table(ROWS, 36), [
    "TASK     STATUS",
    "      WHAT",
    "one      running",
    "      the agent works on the story",
    "      that is open",
    "another  stopped",
  ]);
  for (const columns of [20, 30, 40, 50, 60]) {
    for (const line of table(ROWS, columns)) assert(width(line) <= columns, `${columns}: ${line}`);
  }
});

Deno.test("what is to be pasted stays whole", () => {
  const word = "x".repeat(50);
  assert.deepEqual(table([["a", `see ${word}`]], 30), ["a  see", `   ${word}`]);
});
