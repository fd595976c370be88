/** Which versions of OpenCode this ralph was tested with. */

const TESTED_VERSIONS = "1.1.53 to 1.18";

/** What is to be said of a version that was not tested. */
export function testedWords(version: string): string {
  return majorOf(version) === 1
    ? `tested are ${TESTED_VERSIONS}`
    : "of OpenCode 2, no release was tested: only a build of July 2026";
}

/** Whether a version lies between the oldest and the newest that the tests run with. */
export function isTestedVersion(version: string): boolean {
  const [major, minor, patch] = numbersOf(version) ?? [0, 0, 0];
  if (major !== 1 || minor < 1 || minor > 18) return false;
  return minor > 1 || patch >= 53;
}

/** The first of its numbers; undefined for a build that has none, such as one from source. */
export const majorOf = (version: string): number | undefined => numbersOf(version)?.[0];

/**
 * Whether it is a release of OpenCode 2 from the time before `/api/info`, which came with 2.0.7 at the
 * latest: their routes moved from one to the next.
 */
export function isBeforeInfo(version: string): boolean {
  const [major, minor] = numbersOf(version) ?? [];
  return major === 2 && minor === 0;
}

/** Whether two ways to say a version mean the same one. */
export function isSameVersion(one: string, other: string): boolean {
  return one === other || numbersOf(one)?.join(".") === (numbersOf(other)?.join(".") ?? "");
}

/** Programs say it as `1.18.33` or `opencode v2.0.16`. */
function numbersOf(version: string): [number, number, number] | undefined {
  const [, ...found] = /(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  return found.length === 0 ? undefined : found.map(Number) as [number, number, number];
}
