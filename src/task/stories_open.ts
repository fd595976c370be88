import { plural } from "../terminal/plural.ts";

/** How many stories are left, in words: `1 story open`, `2 of 3 stories open`. */
export function storiesOpen(open: number, total: number): string {
  return total === 1 ? `${open} story open` : `${open} of ${plural(total, "story")} open`;
}

/** The same as a sentence: `the story is open`, `1 of 3 stories is open`. */
export function storiesAreOpen(open: number, total: number): string {
  if (total === 1) return "the story is open";
  return `${open} of ${plural(total, "story")} ${open === 1 ? "is" : "are"} open`;
}
