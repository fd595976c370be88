/** `deno task mutations` runs them; here is looked whether it still can. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { mutated } from "./mutated.ts";
import { MUTATIONS } from "./mutations.ts";

const pathOf = (file: string) => fileURLToPath(new URL(`../../${file}`, import.meta.url));

Deno.test("each mutation can be made where it says, and its tests are there", () => {
  for (const mutation of MUTATIONS) {
    const text = Deno.readTextFileSync(pathOf(mutation.file));
    assert.notEqual(mutated(text, mutation), text, mutation.name);
    for (const test of mutation.tests) assert.ok(Deno.statSync(pathOf(test)).isFile);
  }
});

Deno.test("a mutation that finds no place, or two, is an error", () => {
  const mutation = { name: "m", file: "f.ts", edits: [{ old: "a", new: "b" }], tests: [] };
  assert.equal(mutated("xax", mutation), "xbx");
  assert.throws(() => mutated("x", mutation), /m: 0 times in f.ts: a/);
  assert.throws(() => mutated("aa", mutation), /2 times/);
});
