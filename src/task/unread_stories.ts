/** What would be lost in silence: headings with boxes, and what may be a story, that nobody reads. */
import { plain } from "../terminal/plain.ts";
import type { Fault } from "./faults.ts";
import { hiddenStories } from "./hidden_stories.ts";
import { isSectionOfLeftOut } from "./left_out.ts";
import { type Heading, headingText, type MarkdownLine } from "./markdown_lines.ts";
import { lineAt, type Source } from "./source.ts";
import {
  type Candidate,
  isCriteria,
  isNoKind,
  isUs,
  sectionEnd,
  startsOf,
} from "./story_headings.ts";
import { NUMBER, PREFIX, SCOPE } from "./story_id.ts";

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
 * table or HTML, or of another kind (☐ ⬜ 🔲 □ ▢, as bytes).
 */
const BOX_LIKE = [
  /^[ \t]*(?:(?:[-*+|]|\d{1,9}[.)]|[A-Za-z][.)]|\xe2\x80[\xa2\x93\x94]|<li>)[ \t]*)*(?:\*\*|__|`)?(?:\\?\[[ \t]{1,4}\\?\](?![([:])|\xe2\x98\x90|\xe2\xac\x9c|\xf0\x9f\x94\xb2|\xe2\x96[\xa1\xa2]|\( \)|<input\b|&#9744;)/,
  // marks that say more, none of which is read: `[wip]`, `[❌]`, a space that only looks like one
  /^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\[(?:todo|wip|n\/a|pending|open|partial|o|_|(?!\xe2\x80\xa6\])[\x80-\xff]{2,9})\](?![([:])/i,
  // at the end of an item, or in a later column
  /^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t].*[ \t]\[ \][ \t]*$/,
  /^[ \t]*\|.*\|[ \t]*(?:\[ \]|\xe2\x98\x90|\xe2\xac\x9c)[ \t]*\|/,
];
const BOX_LIKE_MAX = 200;
/** A story's heading in a form that is not read: `US 002:`, `US—002`, `[P1] US-002`, `Story 3`, a box. */
const STORY_LIKE = [
  /(?:^|[^A-Za-z0-9])US[ \t]?[-_\u2010-\u2015][ \t]?(\d+(?:\.\d+)*[A-Za-z]?)(?![A-Za-z0-9])/i,
  /^[^A-Za-z0-9]*US[ \t]+(\d+(?:\.\d+)*)[ \t]*(?:[:.–—-]|$)/i,
  /^[^A-Za-z0-9]*(?:user )?story[ \t]+#?(\d+)\b/i,
  /^\[[ xX]?\][ \t]+\S/,
];
const ITEM_ID = new RegExp(
  `^[ \\t*_]{0,9}(${SCOPE}(${PREFIX})${NUMBER})[*_]{0,3}[ \\t]*(?:[:–—]|-[ \\t]|\\xe2\\x80[\\x93\\x94])`,
);
/** Below these, an id in a list is that of a requirement, a check, a goal. */
const NO_ITEMS =
  /\b(?:requirements?|acceptance|criteria|goals?|metrics|checklist|definition of done|tests?|testing|verification|validation|risks?|questions?|decisions?|progress|status|overview|summary)\b/i;
/** Sections that speak of stories of other PRDs. */
const OF_OTHERS = /\b(?:dependenc|reference|related|appendix|history|changelog)/i;

/** A markdown PRD, as far as it is read. */
interface ReadStories {
  source: Source;
  lines: readonly MarkdownLine[];
  stories: readonly Candidate[];
  /** Headings that have an id, stories or not. */
  candidates: readonly Candidate[];
  /** Headings below one of what is left out, by their index. */
  above: ReadonlyMap<number, string>;
}

/** What would be lost in silence; `boxes`: those that stand in no story, which a person is told. */
export function unreadParts(
  prd: ReadStories,
): { faults: readonly Fault[]; boxes: readonly { name: string; line: number }[] } {
  const at = placesOf(prd);
  const faults = [
    ...hiddenFaults(prd, at),
    ...prd.stories.length === 0 ? [] : [
      ...unreadSections(prd, at),
      ...unreadHeadings(prd, at),
      ...unreadItems(prd, at),
      ...unreadBoxes(prd),
      ...excludedBoxes(prd, at),
    ],
  ];
  return { faults, boxes: boxesOfNoStory(prd, at) };
}

/** Of each line. */
interface Places {
  isInStory(index: number): boolean;
  /** Below a heading that speaks of what is left out, or of stories of other PRDs, and holds none of ours. */
  isOfOthers(index: number): boolean;
  /** Of a heading: that of the heading above it in rank; -1 where there is none. */
  parentOf(index: number): number;
}

function placesOf({ source, lines, stories, above }: ReadStories): Places {
  const starts = startsOf(stories);
  const inStory: boolean[] = [];
  const ofOthers: boolean[] = [];
  const parents = new Map<number, number>();
  const open: { index: number; level: number; isOfOthers: boolean }[] = [];
  let storyEnd = 0;
  for (const [index, line] of lines.entries()) {
    if (line.kind === "heading") {
      while (open.length > 0 && open[open.length - 1].level >= line.level) open.pop();
      const parent = open.at(-1);
      parents.set(index, parent?.index ?? -1);
      const section = { index, heading: line };
      const isStory = starts.has(index);
      const end = sectionEnd(lines, section, (one) => starts.has(one));
      if (isStory) storyEnd = end;
      const text = headingText(source, line);
      const isOther = above.has(index) || isSectionOfLeftOut(text) || OF_OTHERS.test(text);
      const isOfOthers = parent?.isOfOthers ||
        isOther && !isStory && sectionEnd(lines, section, () => false) === end;
      ofOthers.push(parent?.isOfOthers ?? false);
      open.push({ index, level: line.level, isOfOthers });
    } else ofOthers.push(open.at(-1)?.isOfOthers ?? false);
    inStory.push(index < storyEnd);
  }
  return {
    isInStory: (index) => inStory[index],
    isOfOthers: (index) => ofOthers[index],
    parentOf: (index) => parents.get(index) ?? -1,
  };
}

/** What may be a story, and is written so that nobody reads it. */
function hiddenFaults(
  { lines, stories, candidates, above }: ReadStories,
  { isInStory, isOfOthers }: Places,
): readonly Fault[] {
  const ids = new Set(stories.map(({ id }) => id.toUpperCase()));
  const prefixes = new Set(stories.map(({ prefix }) => prefix));
  const hidden = hiddenStories(lines, {
    isKnown: (id) => ids.has(id.toUpperCase()),
    isKind: (prefix) => isUs(prefix) || prefixes.has(prefix),
    isInside: (index) => isInStory(index) || isOfOthers(index),
  });
  const levels = new Set(stories.map(({ heading }) => heading.level));
  const bare = candidates.filter(({ index, id, prefix, heading }) =>
    (isUs(prefix) || prefixes.has(prefix)) && !ids.has(id.toUpperCase()) &&
    levels.has(heading.level) && !above.has(index)
  ).map(({ heading, id }) => ({
    offset: heading.start,
    id,
    why: "it has no boxes, and no `:` stands behind its id",
  }));
  return [...hidden, ...bare].map(({ offset, id, why }) => {
    const shown = plain(id, 60);
    return {
      offset,
      reason: `\`${shown}\` may be a story, and is not read: ${why}`,
      hints: [{
        text: `write it as a heading, \`### ${shown}: Title\`, with \`- [ ]\` lines below it`,
      }],
    };
  });
}

/**
 * Headings that have boxes or criteria as the stories have, and are none of them: what nobody reads would
 * never be done. They stand among them, below the same heading, are of their level, or have an id, and
 * are in no story.
 */
function unreadSections(
  { source, lines, stories, candidates }: ReadStories,
  { isInStory, isOfOthers, parentOf }: Places,
): readonly Fault[] {
  const starts = startsOf(stories);
  const withId = startsOf(candidates);
  const levels = new Set(stories.map(({ heading }) => heading.level));
  const places = new Set(
    stories.map(({ index, heading }) => `${parentOf(index)} ${heading.level}`),
  );
  const textOf = (index: number) => {
    const line = lines[index];
    return line?.kind === "heading" ? headingText(source, line) : "";
  };
  const isOfChecklist = (index: number): boolean =>
    index >= 0 && (NO_STORY.test(textOf(index)) || isOfChecklist(parentOf(index)));
  const faults: Fault[] = [];
  for (const [index, heading] of lines.entries()) {
    if (heading.kind !== "heading" || isInStory(index) || isOfOthers(index)) continue;
    const isAmong = places.has(`${parentOf(index)} ${heading.level}`);
    const isLike = levels.has(heading.level) && !isOfChecklist(parentOf(index));
    if (!isAmong && !isLike && !withId.has(index)) continue;
    const text = textOf(index);
    const end = sectionEnd(lines, { index, heading }, (one) => starts.has(one));
    const holdsStories = sectionEnd(lines, { index, heading }, () => false) > end;
    if (holdsStories || NO_STORY.test(text)) continue;
    const body = lines.slice(index + 1, end);
    const boxes = body.filter((line) => line.kind === "box");
    const counts = isAmong || withId.has(index) || boxes.some(({ ticked }) => !ticked);
    const has = boxes.length > 0 && counts
      ? "boxes"
      : isAmong && body.some(isCriteria)
      ? "criteria"
      : undefined;
    if (has === undefined) continue;
    faults.push({
      offset: heading.start,
      reason: `\`${plain(text, 60)}\` has ${has} as the stories have, ${
        withId.has(index) ? "and another kind of id, and is in no story" : "and no id"
      }`,
      hints: [unreadHint(stories[0].id)],
    });
  }
  return faults;
}

const unreadHint = (id: string) => ({
  text: `if it is a story, give it an id as \`${plain(id, 60)}\` has, at the level of the ` +
    "others; if not, write its boxes as plain items",
});

/** Open boxes beside the stories that begin with an id of another kind, as a story of a list does. */
function unreadItems(
  { source, lines, stories }: ReadStories,
  { isInStory, isOfOthers }: Places,
): readonly Fault[] {
  let isOfChecklist = false;
  return lines.flatMap((line, index) => {
    if (line.kind === "heading") isOfChecklist = NO_ITEMS.test(headingText(source, line));
    if (line.kind !== "box" || line.ticked || isOfChecklist) return [];
    if (isInStory(index) || isOfOthers(index)) return [];
    const [all, id, prefix] = ITEM_ID.exec(line.view.slice(line.textStart - line.start)) ?? [];
    if (all === undefined || isNoKind(prefix) || stories.some((story) => story.id === id)) {
      return [];
    }
    return [{
      offset: line.start,
      reason: `\`${plain(id, 60)}\` may be a story, and is not read: it is an item of a list`,
      hints: [unreadHint(stories[0].id)],
    }];
  });
}

/** Lines of a story that look like a box and are none: a claim would not need them. */
function unreadBoxes({ lines, stories }: ReadStories): readonly Fault[] {
  const starts = startsOf(stories);
  return stories.flatMap((story) => {
    const end = sectionEnd(lines, story, (index) => starts.has(index));
    return lines.slice(story.index + 1, end)
      .filter(({ kind, view }) =>
        kind === "text" && BOX_LIKE.some((form) => form.test(view.slice(0, BOX_LIKE_MAX)))
      )
      .map(({ start }) => ({
        offset: start,
        reason: `a box of \`${plain(story.id, 60)}\` is written so that it is not read`,
        hints: [{ text: "write it as an item of a list with a box, `- [ ] it works`" }],
      }));
  });
}

/** Boxes of a story below a heading such as `Out of scope`: as criteria they would ask for what is excluded. */
function excludedBoxes(
  { source, lines, stories }: ReadStories,
  { isInStory }: Places,
): readonly Fault[] {
  const starts = startsOf(stories);
  const faults: Fault[] = [];
  let excluded: { level: number; text: string } | undefined;
  for (const [index, line] of lines.entries()) {
    if (line.kind === "heading") {
      if (excluded && line.level > excluded.level && !starts.has(index)) continue;
      const text = headingText(source, line);
      const isOne = !starts.has(index) && isSectionOfLeftOut(text);
      excluded = isOne ? { level: line.level, text } : undefined;
    }
    if (line.kind !== "box" || !excluded || !isInStory(index)) continue;
    faults.push({
      offset: line.start,
      reason: `a box below \`${plain(excluded.text, 40)}\` is in a story, as if it were asked for`,
      hints: [{ text: "write it as a plain item, `- never do this`" }],
    });
  }
  return faults;
}

/** Headings beside the stories that name one, in a form that is not read. */
function unreadHeadings(
  { source, lines, stories, above }: ReadStories,
  { isOfOthers }: Places,
): readonly Fault[] {
  const starts = startsOf(stories);
  const levels = new Set(stories.map(({ heading }) => heading.level));
  const numbers = new Set(stories.map(({ id }) => numberIn(id)));
  const faults: Fault[] = [];
  for (const [index, heading] of lines.entries()) {
    if (heading.kind !== "heading" || !levels.has(heading.level) || starts.has(index)) continue;
    if (isOfOthers(index) || above.has(index)) continue;
    const text = headingText(source, heading);
    const found = STORY_LIKE.map((form) => form.exec(text)).find((one) => one !== null);
    if (!found || found[1] !== undefined && numbers.has(numberIn(found[1]))) continue;
    const example = plain(stories[0].id, 60);
    faults.push({
      offset: heading.start,
      reason: `\`${plain(text, 60)}\` may be a story, and is not read`,
      hints: [{ text: `write it as \`### ${example}: Title\` is written, with an id of its own` }],
    });
  }
  return faults;
}

/**
 * Boxes that stand in no story and are those of a checklist by the name of their heading: nobody works
 * on them, which a person is told.
 */
function boxesOfNoStory(
  { source, lines, above }: ReadStories,
  { isInStory }: Places,
): readonly { name: string; line: number }[] {
  const found = new Map<number, { name: string; line: number }>();
  let heading: Heading | undefined;
  let isLeftOut = false;
  for (const [index, line] of lines.entries()) {
    if (line.kind === "heading") {
      heading = line;
      isLeftOut = above.has(index) || isSectionOfLeftOut(headingText(source, line));
    }
    if (line.kind !== "box" || line.ticked || isInStory(index) || isLeftOut) continue;
    const { start, name } = heading
      ? { start: heading.start, name: headingText(source, heading) }
      : { start: line.start, name: "" };
    found.set(start, { name, line: lineAt(source, start) });
  }
  return [...found.values()];
}

/** `US-002` and `002` are the same here. */
const numberIn = (id: string) =>
  id.replace(/^.*?(?=\d)/, "").replace(/^0+(?=\d)/, "").toUpperCase();

/** The headings below the title that have boxes of their own, as a story has, where none has an id. */
export function headingsWithoutId(
  source: Source,
  lines: readonly MarkdownLine[],
): readonly Heading[] {
  const found = new Set<Heading>();
  let heading: Heading | undefined;
  for (const line of lines) {
    if (line.kind === "heading") heading = line;
    if (line.kind !== "box" || !heading || heading.level === 1) continue;
    if (!NO_STORY.test(headingText(source, heading))) found.add(heading);
  }
  return [...found];
}
