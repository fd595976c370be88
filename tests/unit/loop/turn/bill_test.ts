/** What a turn has used so far, of what messages and the server say again and again. */
import assert from "node:assert/strict";
import { createBill } from "../../../../src/loop/turn/bill.ts";

const tokensOf = (inputTokens: number) => ({
  inputTokens,
  outputTokens: 0,
  reasoningTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
});
type Said =
  | readonly [message: string, session: string, costUsd: number, tokens: number]
  | readonly [session: string, costUsd: number, tokens: number];

const TABLE: readonly [string, readonly Said[], costUsd: number, tokens: number][] = [
  ["messages alone", [["a", "s", 1, 10], ["b", "s", 2, 20]], 3, 30],
  [
    "a message that grows, and comes again",
    [["a", "s", 1, 10], ["a", "s", 2, 30], [
      "a",
      "s",
      2,
      30,
    ]],
    2,
    30,
  ],
  ["a title that no message has", [["a", "s", 1, 10], ["s", 1.5, 15]], 1.5, 15],
  ["the same in another order", [["s", 1.5, 15], ["a", "s", 1, 10], ["s", 1.5, 15]], 1.5, 15],
  [
    "a message that the server has not counted yet",
    [["s", 1, 10], ["a", "s", 1, 10], [
      "b",
      "s",
      1,
      10,
    ]],
    2,
    20,
  ],
  ["a count of what came before all messages", [["s", 5, 50], ["z", "s", 1, 10]], 5, 50],
  ["sub-agents apart", [["s", 5, 50], ["a", "s", 1, 10], ["b", "child", 2, 20]], 7, 70],
  [
    "each with a count",
    [["s", 5, 50], ["a", "s", 4, 40], ["child", 2, 20], [
      "b",
      "child",
      2,
      20,
    ]],
    7,
    70,
  ],
  ["no price at the server: what is derived stays", [["a", "s", 3, 10], ["s", 0, 15]], 3, 15],
];

for (const [what, said, costUsd, tokens] of TABLE) {
  Deno.test(`a turn's bill: ${what}`, () => {
    const bill = createBill();
    for (const one of said) {
      if (one.length === 3) {
        const [sessionId, costUsd, tokens] = one;
        bill.counted(sessionId, { costUsd, tokens: tokensOf(tokens) });
      } else {
        const [id, sessionId, costUsd, tokens] = one;
        bill.message({ id, sessionId, tokens: tokensOf(tokens) }, costUsd);
      }
    }
    assert.deepEqual(bill.sum, { costUsd, tokens });
  });
}
