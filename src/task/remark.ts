/** What a person is told of several stories: one line. */

/** Told one by one; the rest is counted. */
const SHOWN_MAX = 5;

/** A line that names these, or the first of them; undefined when there are none. */
export function remark(what: string, named: readonly string[]): string | undefined {
  if (named.length === 0) return undefined;
  const more = named.length - SHOWN_MAX;
  return `${what}: ${named.slice(0, SHOWN_MAX).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
