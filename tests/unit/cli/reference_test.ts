import assert from "node:assert/strict";
import { REFERENCE } from "../../../tools/reference.ts";

for (const [name, make] of Object.entries(REFERENCE)) {
  Deno.test(`docs/${name} is what the program says of itself`, async () => {
    const text = await Deno.readTextFile(new URL(`../../../docs/${name}`, import.meta.url));
    assert.equal(text, await make(), "renew it with `deno task docs`");
  });
}
