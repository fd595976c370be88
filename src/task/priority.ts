/** The words that people use for a priority, as the number that `P0` to `P3` give it. */
const WORDS: ReadonlyMap<string, number> = new Map([
  ...["critical", "blocker", "urgent", "highest", "must"].map((word) => [word, 0] as const),
  ["high", 1],
  ...["medium", "normal", "should"].map((word) => [word, 2] as const),
  ...["low", "lowest", "could"].map((word) => [word, 3] as const),
]);

/** Lower comes first; Infinity, which is after all, for what is no number and none of the words. */
export function priorityFrom(text: string): number {
  const [, number, word = ""] = /^[^A-Za-z0-9]*(?:P?(\d{1,9})(?!\w)|([A-Za-z]+))/i.exec(text) ?? [];
  return number === undefined ? WORDS.get(word.toLowerCase()) ?? Infinity : Number(number);
}
