/** All parsers of foreign bytes with their corpus, and with some hundred inputs made from it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { corpusOf, inputs, whyBroken } from "./fuzzing.ts";
import { TARGETS } from "./targets.ts";

for (const target of TARGETS) {
  Deno.test(`fuzz ${target.name}: neither its corpus nor what is made of it breaks it`, async () => {
    for (const { file, bytes } of corpusOf(target)) {
      assert.equal(await whyBroken(target, bytes), undefined, file);
    }
    await fc.assert(
      fc.asyncProperty(inputs(target), async (bytes) => {
        assert.equal(await whyBroken(target, bytes), undefined);
      }),
      { numRuns: 300 },
    );
  });
}

Deno.test("what is broken is found: another error, a result that is no data", async () => {
  const target = { name: "x", mayThrow: (error: unknown) => error instanceof RangeError };
  const none = new Uint8Array();
  const why = (read: () => unknown) => whyBroken({ ...target, read }, none);
  assert.equal(await why(() => ({ a: [1] })), undefined);
  assert.equal(
    await why(() => {
      throw new RangeError("meant");
    }),
    undefined,
  );
  assert.match(
    await why(() => {
      throw new TypeError("a bug");
    }) ?? "",
    /a bug/,
  );
  assert.match(await why(() => () => 1) ?? "", /clone/);
});
