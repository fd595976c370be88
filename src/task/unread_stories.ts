/** Throws for what would be lost in silence: headings with boxes, and what may be a story, that nobody reads. */
import { plain } from "../terminal/plain.ts";
import { hiddenStory } from "./hidden_stories.ts";
import { isSectionOfLeftOut } from "./left_out.ts";
import { type Heading, headingText, type MarkdownLine } from "./markdown_lines.ts";
import { prdError, type Source } from "./source.ts";
import { type Candidate, isUs, sectionEnd, startsOf } from "./story_headings.ts";

/** What headings say that have boxes and are no work by themselves, and what may stand before it. */
const OF_ALL =
  "definition of done|dod|done|check-?lists?|gates?|acceptance|criteria|success|metrics|scope|out of scope|" +
  "non-?goals|goals|later|questions|notes|tasks|to-?dos?|risks|requirements|considerations|constraints|" +
  "dependencies|references|appendix|summary|overview|rollout|release|tests?|test plan|testing|verification|" +
  "validation|milestones?|phases?|sprints?|epics?|progress|status|plan|steps|stories";
const KINDS =
  "overall|final|global|general|project|technical|functional|non-functional|manual|quality|release|success|" +
  "acceptance|test|testing|verification|completion|exit|open|user|implementation|pre-?release|pr|merge";
const NO_STORY = new RegExp(
  `^(?:[\\d.]+\\s*)?(?:(?:${KINDS})\\s+)*(?:${OF_ALL})(?:\\s*(?:&|and|/)\\s*(?:${OF_ALL}))?\\s*(?:\\(.*\\))?:?$`,
  "i",
);
/**
 * What a person means as an open box, and what is none: without a space or a mark of a list, in a
 * table, or of another kind (☐ ⬜, as bytes).
 */
const BOX_LIKE =
  /^[ \t]*(?:(?:[-*+|]|\d{1,9}[.)]|[A-Za-z][.)]|\xe2\x80[\xa2\x93\x94])[ \t]*)*(?:\*\*|__)?(?:\[[ \t]{1,4}\](?![([:])|\xe2\x98\x90|\xe2\xac\x9c|\( \))/;
const BOX_LIKE_MAX = 100;
/** A story's heading in a form that is not read: `US 002:`, `US—002`, `[P1] US-002`, `Story 3`, a box. */
const STORY_LIKE = [
  /(?:^|[^A-Za-z0-9])US[ \t]?[-_\u2010-\u2015][ \t]?(\d+(?:\.\d+)*[A-Za-z]?)(?![A-Za-z0-9])/i,
  /^[^A-Za-z0-9]*US[ \t]+(\d+(?:\.\d+)*)[ \t]*(?:[:.–—-]|$)/i,
  /^[^A-Za-z0-9]*(?:user )?story[ \t]+#?(\d+)\b/i,
  /^\[[ xX]?\][ \t]+\S/,
];
/** Sections that speak of stories of other PRDs. */
const OF_OTHERS = /\b(?:dependenc|reference|related|appendix|history|changelog)/i;

/** Throws for what may be a story, and is written so that nobody reads it. */
export function refuseHidden(
  source: Source,
  lines: readonly MarkdownLine[],
  { stories, candidates, above }: {
    stories: readonly Candidate[];
    candidates: readonly Candidate[];
    above: ReadonlyMap<number, string>;
  },
): void {
  const ids = new Set(stories.map(({ id }) => id.toUpperCase()));
  const prefixes = new Set(stories.map(({ prefix }) => prefix));
  const starts = startsOf(stories);
  /** Of each line. */
  const inside: boolean[] = [];
  let storyEnd = 0;
  let isOfOthers = false;
  for (const [index, line] of lines.entries()) {
    if (line.kind === "heading") {
      const text = headingText(source, line);
      isOfOthers = above.has(index) || isSectionOfLeftOut(text) || OF_OTHERS.test(text);
      if (starts.has(index)) {
        storyEnd = sectionEnd(lines, { index, heading: line }, (one) => starts.has(one));
      }
    }
    inside.push(index < storyEnd || isOfOthers);
  }
  const hidden = hiddenStory(lines, {
    isKnown: (id) => ids.has(id.toUpperCase()),
    isKind: (prefix) => isUs(prefix) || prefixes.has(prefix),
    isInside: (index) => inside[index],
  });
  const levels = new Set(stories.map(({ heading }) => heading.level));
  const bare = candidates.find(({ index, id, prefix, heading }) =>
    isUs(prefix) && !ids.has(id.toUpperCase()) && levels.has(heading.level) && !above.has(index)
  );
  const unread = hidden ?? (bare && {
    offset: bare.heading.start,
    id: bare.id,
    why: "it has no boxes, and no `:` stands behind its id",
  });
  if (!unread) return;
  const { offset, id, why } = unread;
  throw prdError(source, offset, `\`${plain(id, 60)}\` may be a story, and is not read: ${why}`, [
    {
      text: `write it as a heading, \`### ${plain(id, 60)}: Title\`, with \`- [ ]\` lines below it`,
    },
  ]);
}

/**
 * Throws for a heading that has boxes as the stories have, and is none of them: what nobody reads would
 * never be done. It stands among them, below the same heading, or has an id, and is in no story.
 */
export function refuseUnread(
  source: Source,
  lines: readonly MarkdownLine[],
  { stories, candidates }: { stories: readonly Candidate[]; candidates: readonly Candidate[] },
): void {
  const starts = startsOf(stories);
  const withId = startsOf(candidates);
  const parents = parentsOf(lines);
  const places = new Set(
    stories.map(({ index, heading }) => `${parents.get(index)} ${heading.level}`),
  );
  /** The line where the story ends that one is in. */
  let storyEnd = 0;
  for (const [index, heading] of lines.entries()) {
    if (heading.kind !== "heading") continue;
    const end = sectionEnd(lines, { index, heading }, (one) => starts.has(one));
    if (starts.has(index)) storyEnd = end;
    if (index < storyEnd) continue;
    const isAmong = places.has(`${parents.get(index)} ${heading.level}`);
    if (!isAmong && !withId.has(index)) continue;
    const text = headingText(source, heading);
    const holdsStories = sectionEnd(lines, { index, heading }, () => false) > end;
    if (holdsStories || NO_STORY.test(text)) continue;
    if (!lines.slice(index, end).some(({ kind }) => kind === "box")) continue;
    const why = withId.has(index) ? "and another kind of id, and is in no story" : "and no id";
    const example = plain(stories[0].id, 60);
    throw prdError(
      source,
      heading.start,
      `\`${plain(text, 60)}\` has boxes as the stories have, ${why}`,
      [{
        text:
          `if it is a story, give it an id as \`${example}\` has, at the level of the others; if not, ` +
          "write its boxes as plain items",
      }],
    );
  }
}

/** Throws for a line of a story that looks like a box and is none: a claim would not need it. */
export function refuseUnreadBoxes(
  source: Source,
  lines: readonly MarkdownLine[],
  stories: readonly Candidate[],
): void {
  const starts = startsOf(stories);
  for (const story of stories) {
    const end = sectionEnd(lines, story, (index) => starts.has(index));
    const line = lines.slice(story.index + 1, end).find(({ kind, view }) =>
      kind === "text" && BOX_LIKE.test(view.slice(0, BOX_LIKE_MAX))
    );
    if (!line) continue;
    throw prdError(
      source,
      line.start,
      `a box of \`${plain(story.id, 60)}\` is written so that it is not read`,
      [{ text: "write it as an item of a list with a box, `- [ ] it works`" }],
    );
  }
}

/** Throws for a heading beside the stories that names one, in a form that is not read. */
export function refuseUnreadHeadings(
  source: Source,
  lines: readonly MarkdownLine[],
  { stories, above }: { stories: readonly Candidate[]; above: ReadonlyMap<number, string> },
): void {
  const starts = startsOf(stories);
  const levels = new Set(stories.map(({ heading }) => heading.level));
  const numbers = new Set(stories.map(({ id }) => numberIn(id)));
  let isOfOthers = false;
  for (const [index, heading] of lines.entries()) {
    if (heading.kind !== "heading" || starts.has(index)) continue;
    const text = headingText(source, heading);
    if (!levels.has(heading.level)) {
      isOfOthers = OF_OTHERS.test(text);
      continue;
    }
    if (isOfOthers || above.has(index)) continue;
    const found = STORY_LIKE.map((form) => form.exec(text)).find((one) => one !== null);
    if (!found || found[1] !== undefined && numbers.has(numberIn(found[1]))) continue;
    throw prdError(
      source,
      heading.start,
      `\`${plain(text, 60)}\` may be a story, and is not read`,
      [{
        text: `write it as \`### ${
          plain(stories[0].id, 60)
        }: Title\` is written, with an id of its own`,
      }],
    );
  }
}

/** `US-002` and `002` are the same here. */
const numberIn = (id: string) =>
  id.replace(/^.*?(?=\d)/, "").replace(/^0+(?=\d)/, "").toUpperCase();

/** The first heading below the title that has boxes of its own, as a story has, where none has an id. */
export function headingWithoutId(
  source: Source,
  lines: readonly MarkdownLine[],
): Heading | undefined {
  let heading: Heading | undefined;
  for (const line of lines) {
    if (line.kind === "heading") heading = line;
    if (line.kind !== "box" || !heading || heading.level === 1) continue;
    if (!NO_STORY.test(headingText(source, heading))) return heading;
  }
  return undefined;
}

/** Of each heading, by its index, that of the heading above it in rank; -1 where there is none. */
function parentsOf(lines: readonly MarkdownLine[]): ReadonlyMap<number, number> {
  const parents = new Map<number, number>();
  const open: { index: number; level: number }[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.kind !== "heading") continue;
    while (open.length > 0 && open[open.length - 1].level >= line.level) open.pop();
    parents.set(index, open.at(-1)?.index ?? -1);
    open.push({ index, level: line.level });
  }
  return parents;
}
