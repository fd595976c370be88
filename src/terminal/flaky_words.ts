/** A gate that passes, in words: `passes`, or that it is flaky, too. */
export const passesWords = ({ flaky, why }: { flaky: boolean; why: string }): string =>
  flaky ? `passes (${flakyWords(why)})` : "passes";

/** `why`: how it failed, and that it passed then. */
export const flakyWords = (why: string): string => `flaky: ${why}`;
