/** What a story waits for, as people write it: ids, ranges of them, and what is neither. */
import { NUMBER, PLAIN_NUMBER, PLAIN_PREFIX, PREFIX, SCOPE } from "./story_id.ts";

const ID = `(?:${SCOPE}(?:${PREFIX})${NUMBER}|(?:${PLAIN_PREFIX})${PLAIN_NUMBER})`;
/** Not in the target of a link (`#us-001`). */
const BEFORE = "(?<![A-Za-z0-9_#-])";
const IDS = new RegExp(BEFORE + ID, "g");
/** `US-001 to US-003`, `US-001–003`. */
const RANGE = String
  .raw`(${ID})\s*(?:-|–|—|\.{2,3}|…|to\b|through\b|thru\b|until\b)\s*(${ID}|\d+(?!\w|-|\.\d))`;
const RANGES = new RegExp(BEFORE + RANGE, "gi");
const ONE_RANGE = new RegExp(`^${RANGE}$`, "i");
const NOTHING = /^(?:none|nothing|n\/?a|[-–—])$/i;

/** The ids and ranges in running text. */
export function dependenciesIn(text: string): readonly string[] {
  const ranges = text.match(RANGES) ?? [];
  const ids = text.replaceAll(RANGES, " ").match(IDS) ?? [];
  return [...new Set([...ranges, ...ids])];
}

/** Whether the text says more than ids: no order comes of that, but the agent is told. */
export function hasOtherNeeds(text: string): boolean {
  const rest = text.replaceAll(/\]\([^)]*\)/g, "").replaceAll(RANGES, "").replaceAll(IDS, "")
    .replaceAll(/\b(?:none|nothing|n\/a|and|or|the)\b/gi, "");
  return /[A-Za-z]/.test(rest);
}

/** The names in a list of texts, each of which may hold several. */
export function dependenciesOf(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => text.split(",")).map((name) => name.trim())
    .filter((name) => name !== "" && !NOTHING.test(name));
}

/** The id without its number: `US-` of `US-001` and of `US-001-A`, nothing of `7`. */
export const kindOf = (id: string) =>
  id.replace(/(?<=[-/])\d[\w.]*(?:-(?:\d[\w.]*|[A-Za-z]\d*|[A-Z]{2,4}\d*))*$|\d[\w.]*$/, "")
    .toUpperCase();

/** A range of more names orders nothing. */
const RANGE_MAX = 1_000;
const { compare } = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * Tells which of `ids` a range names, both ends included; undefined for what is no range. They are put
 * in order once, since each story may name one.
 */
export function rangesAmong(
  ids: ReadonlySet<string>,
): (name: string) => readonly string[] | undefined {
  let ordered: readonly string[] | undefined;
  return (name) => {
    const [, from, to] = ONE_RANGE.exec(name) ?? [];
    if (from === undefined) return undefined;
    const last = /^\d/.test(to) ? from.replace(/\d[\w.]*$/, to) : to;
    const kind = kindOf(from);
    if (kindOf(last) !== kind) return undefined;
    ordered ??= [...ids].sort(compare);
    const found: string[] = [];
    for (let i = firstFrom(ordered, from); i < ordered.length; i++) {
      if (compare(ordered[i], last) > 0) break;
      if (kindOf(ordered[i]) === kind) found.push(ordered[i]);
      if (found.length > RANGE_MAX) return undefined;
    }
    // `US-008-02` of which there is none is no range
    return found.length > 0 ? found : undefined;
  };
}

/** The index of the first that does not come before `id`. */
function firstFrom(ordered: readonly string[], id: string): number {
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(ordered[middle], id) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
