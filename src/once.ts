/** Makes one question of many: all get the first one's answer. */
export function once<T>(question: () => T): () => T {
  let answer: { value: T } | undefined;
  return () => (answer ??= { value: question() }).value;
}
