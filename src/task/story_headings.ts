/** Which headings of a markdown file are stories. */
import { type Heading, headingText, type MarkdownLine } from "./markdown_lines.ts";
import type { Source } from "./source.ts";

/** A heading that may be a story's, with its index in the lines. */
export interface Candidate {
  heading: Heading;
  index: number;
  id: string;
  /** The id without its number. */
  prefix: string;
  title: string;
  /** The id is set off from the title by more than a space, or stands alone. */
  separated: boolean;
}

/** What may stand before an id: what is no letter and no digit, a box, a number, the word story. */
const BEFORE = String
  .raw`[^A-Za-z0-9]*(?:\[[xX]\][^A-Za-z0-9]*)?(?:\d{1,4}[.)][ \t]+(?:\[[ xX]?\][ \t]*)?)?(?:(?:user )?story[ \t]+)?`;
/** `US-001`, `US-2.1.1`, `AUTH-US-3`, `US-001b`, `US-R01`, `US2`. */
const ID = new RegExp(
  `^(${BEFORE})((?:[A-Za-z][A-Za-z0-9_]*-)+(?=[A-Z]{0,2}\\d)|US(?=\\d))` +
    String.raw`([A-Z]{0,2}\d+(?:\.\d+)*[A-Za-z]?)(?![A-Za-z0-9_])`,
  "i",
);
/** Those that nearly all PRDs use. */
export const isUs = (prefix: string) => /(?:^|-)US-?$/.test(prefix);
/** What at the end of a heading says how far the story is. */
const STATE_AFTER = /[ \t]*(?:[✅☑✔✓]\ufe0f?|\[[ xX]\])$/u;

export function candidatesIn(source: Source, lines: readonly MarkdownLine[]): readonly Candidate[] {
  return lines.flatMap((heading, index) => {
    if (heading.kind !== "heading") return [];
    const textView = source.view.slice(heading.textStart, heading.end);
    const found = ID.exec(textView);
    if (!found) return [];
    const [all, before, prefix, number] = found;
    // `# PRD-12: My feature` is a title.
    const isUsual = heading.level >= 2 && heading.level <= 4;
    if (!isUsual && !isUs(prefix.toUpperCase())) return [];
    const rest = headingText(source, heading, all.length);
    const separator = /^[\])*_`]*\s*[:：.–—-]+/.exec(rest)?.[0] ?? /^\](?=\s)/.exec(rest)?.[0];
    const bold = before.includes("**");
    const title = rest.slice(separator?.length ?? 0).trim();
    return [{
      heading,
      index,
      id: prefix + number,
      prefix: prefix.toUpperCase(),
      title: (bold && title.endsWith("**") ? title.slice(0, -2) : title)
        .replace(STATE_AFTER, "").trim(),
      separated: separator !== undefined || title === "",
    }];
  });
}

/**
 * Headings with a number are many (`HTTP-2`, `RFC-2119`, `FR-1`). One is a story when it has boxes,
 * or is written as the stories of this PRD are: `US-…`, or the prefix of one that has boxes. Where
 * stories are `US-…`, those with another prefix have to be of their level.
 */
export function storiesAmong(
  candidates: readonly Candidate[],
  lines: readonly MarkdownLine[],
): readonly Candidate[] {
  const starts = startsOf(candidates);
  const withBoxes = new Set(candidates.filter((one) => {
    const end = sectionEnd(lines, one, (index) => starts.has(index));
    return lines.slice(one.index, end).some(({ kind }) => kind === "box");
  }));
  const prefixes = new Set([...withBoxes].map(({ prefix }) => prefix)).add("US-");
  const stories = candidates.filter((candidate) =>
    withBoxes.has(candidate) ||
    candidate.separated && prefixes.has(candidate.prefix) &&
      !isOver(candidate, { candidates, lines })
  );
  const levels = new Set(
    stories.filter(({ prefix }) => isUs(prefix)).map(({ heading }) => heading.level),
  );
  if (levels.size === 0) return stories;
  return stories.filter(({ prefix, heading }) => isUs(prefix) || levels.has(heading.level));
}

/** Whether others of its kind are below it, as below a title. */
function isOver(
  candidate: Candidate,
  { candidates, lines }: { candidates: readonly Candidate[]; lines: readonly MarkdownLine[] },
): boolean {
  const end = sectionEnd(lines, candidate, () => false);
  return candidates.some(({ index, prefix }) =>
    index > candidate.index && index < end && prefix === candidate.prefix
  );
}

export const startsOf = (candidates: readonly Candidate[]) =>
  new Set(candidates.map(({ index }) => index));

/** A story's own, though it be a heading of the story's level. */
const CRITERIA = /^ {0,3}(?:#{1,6}[ \t]+)?[*_]{0,3}(?:acceptance[ \t]+)?criteria[:*_# \t]*$/i;

/**
 * The index after the last line: at the next story, or at a heading that is not below this one. The
 * criteria of a story that has no boxes yet may stand below a heading beside its own.
 */
export function sectionEnd(
  lines: readonly MarkdownLine[],
  { index, heading }: Pick<Candidate, "index" | "heading">,
  isStory: (index: number) => boolean,
): number {
  let end = index + 1;
  let mayHaveCriteria = isStory(index);
  for (; end < lines.length; end++) {
    const line = lines[end];
    if (line.kind === "box") mayHaveCriteria = false;
    if (line.kind !== "heading" || line.level > heading.level && !isStory(end)) continue;
    const isOwn = mayHaveCriteria && line.level === heading.level && CRITERIA.test(line.view);
    if (!isOwn) break;
    mayHaveCriteria = false;
  }
  return end;
}
