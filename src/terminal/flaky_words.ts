/** A gate that failed and passed on the same content, in words. */

/** So begins why such a gate counts as passed, and nothing else: by that it is found again. */
const FLAKY = "flaky: ";

/** `why`: of the run that failed. */
export const flakyWhy = (why: string): string =>
  `${FLAKY}${why}, and it passed when it was run again on the same content`;

export const isFlaky = ({ passed, why }: { passed: boolean; why: string }): boolean =>
  passed && why.startsWith(FLAKY);

/** `passes`, or that it is flaky, too. */
export const passesWords = (gate: { passed: boolean; why: string }): string =>
  isFlaky(gate) ? `passes (${gate.why})` : "passes";
