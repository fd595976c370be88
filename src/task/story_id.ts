/** What an id of a story looks like: parts of patterns, for bytes and for text. */

/** What an id may be in: `SPEC-001/US-001`, `SPEC-2-US-3`. */
export const SCOPE = String
  .raw`(?:[A-Za-z][A-Za-z0-9_]{0,40}-\d{1,9}[/-](?=[A-Za-z]{1,12}-?\d))?`;
/** `US-`, `AUTH-US-`, `US` of `US2`. */
export const PREFIX = String.raw`(?:[A-Za-z][A-Za-z0-9_]{0,40}-){1,8}(?=[A-Z]{0,2}\d)|US(?=\d)`;
/** A part after the first: `-01` of `008-01`, `-A` of `001-A`, `-FE` of `001-FE`. */
const PART = String
  .raw`-(?:\d+(?:\.\d+)*[A-Za-z]?|[A-Za-z]\d*|(?-i:[A-Z]{2,4})\d*)(?![A-Za-z0-9_])`;
/** `001`, `2.1.1`, `001b`, `R01`, `008-01`, `001-A`. */
export const NUMBER = String
  .raw`[A-Z]{0,2}\d+(?:\.\d+)*[A-Za-z]?(?![A-Za-z0-9_])(?:${PART}){0,8}`;
/** Ids where a PRD has no others: `Task 1`, `Story 2.1`, `F036`. Not `P0`, `Q1`, `M1`, `H1`, `V2`. */
export const PLAIN_PREFIX = String
  .raw`(?:(?:[Uu]ser )?[Ss]tory|STORY|[Tt]ask|TASK|[Ff]eature|FEATURE|[Ii]ssue|[Tt]icket|[Bb]ug|[Ii]tem)[ \t]+#?|[A-GI-LNORSTU]|[A-Z]{2,3}`;
export const PLAIN_NUMBER = String.raw`\d{1,4}(?:\.\d{1,4})*[a-z]?(?![A-Za-z0-9_])`;
/** The id that a text begins with, marks before it aside. */
export const ID_AT_START = new RegExp(
  `^[^A-Za-z0-9]{0,9}((?:${SCOPE}(?:${PREFIX})${NUMBER}|(?:${PLAIN_PREFIX})${PLAIN_NUMBER}))`,
  "i",
);
