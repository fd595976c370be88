/** Which headings of a markdown file are stories. */
import { type Heading, headingText, type MarkdownLine } from "./markdown_lines.ts";
import type { Source } from "./source.ts";
import { withoutStateAfter } from "./story_state.ts";
import { NUMBER, PLAIN_NUMBER, PLAIN_PREFIX, PREFIX, SCOPE } from "./story_id.ts";

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

/** What may stand before an id: what is no letter and no digit, a box, a number. */
const BEFORE = String
  .raw`[^A-Za-z0-9]*(?:\[[xX]\][^A-Za-z0-9]*)?(?:\d{1,4}[.)][ \t]+(?:\[[ xX]?\][ \t]*)?)?`;
const ID = new RegExp(
  `^(${BEFORE}(?:(?:user )?story[ \\t]+)?)(${SCOPE})(${PREFIX})(${NUMBER})`,
  "i",
);
const PLAIN = new RegExp(`^(${BEFORE})()(${PLAIN_PREFIX})(${PLAIN_NUMBER})`);
/** Those that nearly all PRDs use. */
export const isUs = (prefix: string) => /(?:^|-)US-?$/.test(prefix);
const BOX_AFTER = /(?<![ \t])[ \t]*\[[ xX]\]$/;

export function candidatesIn(source: Source, lines: readonly MarkdownLine[]): readonly Candidate[] {
  return lines.flatMap((heading, index) => {
    if (heading.kind !== "heading") return [];
    const found = ID.exec(source.view.slice(heading.textStart, heading.end));
    // `# PRD-12: My feature` is a title.
    if (!found || !isUsualLevel(heading) && !isUs(found[3].toUpperCase())) return [];
    return [candidate(source, { heading, index, found })];
  });
}

/** Headings such as `Task 1: Title` and `F036 · Title`, which are stories where no others are. */
export function plainCandidatesIn(
  source: Source,
  lines: readonly MarkdownLine[],
): readonly Candidate[] {
  return lines.flatMap((heading, index) => {
    if (heading.kind !== "heading" || !isUsualLevel(heading)) return [];
    const found = PLAIN.exec(source.view.slice(heading.textStart, heading.end));
    return found ? [candidate(source, { heading, index, found })] : [];
  });
}

const isUsualLevel = ({ level }: Heading) => level >= 2 && level <= 4;

function candidate(
  source: Source,
  { heading, index, found }: { heading: Heading; index: number; found: RegExpExecArray },
): Candidate {
  const [all, before, scope, prefix, number] = found;
  const whole = headingText(source, heading);
  const state = whole.length - withoutStateAfter(whole).length;
  const text = headingText(source, heading, all.length);
  const rest = text.slice(0, Math.max(0, text.length - state));
  const separator = /^[\])*_`]*\s*[:：.·–—-]+/.exec(rest)?.[0] ?? /^\](?=\s)/.exec(rest)?.[0];
  const bold = before.includes("**");
  const title = rest.slice(separator?.length ?? 0).trim();
  return {
    heading,
    index,
    id: scope + (prefix + number).replace(/[ \t]+/, " "),
    prefix: prefix.toUpperCase(),
    title: (bold && title.endsWith("**") ? title.slice(0, -2) : title)
      .replace(BOX_AFTER, "").trim(),
    // `Task 5-16` is several
    separated: title === "" || separator !== undefined &&
        (prefix.endsWith("-") || !/^[-–]\d/.test(rest)),
  };
}

/** What has numbers and is no story by that: requirements, decisions, risks, what holds stories. */
const NO_KIND =
  /^(?:N?FR|NF|REQ|RQ|AC|TC|OQ|Q|R|RISK|ADR?|DD|DEC|DECISION|RFC|SC|UC|KPI|NG|GOAL|ASSUMPTION|CONSTRAINT|EPIC|PHASE|SPRINT|MILESTONE|STEP|OPTION|SCENARIO|APPENDIX|SECTION|PRD|SPEC|PRE|VERSION|HTTP|ISO|UTF)[ \t_#-]*$/;
/** What is below such headings, with an id, is no story by that. */
const NO_PLACE =
  /\b(?:requirements?|risks?|questions?|decisions?|references?|related|appendix|dependenc\w*|history|changelog|goals?|metrics?|design|architecture|considerations?|assumptions?|constraints?|criteria|use cases?|scenarios?|options?|alternatives?)\b/i;
const PLACE =
  /\b(?:stories|tasks?|features|backlog|issues|histori?as|hist\xc3\xb3rias|tareas|tarefas|aufgaben)\b/i;

/** Whether headings with this prefix are many, and stories only by what is in them. */
export const isNoKind = (prefix: string): boolean => NO_KIND.test(prefix);

/**
 * Headings with a number are many (`HTTP-2`, `RFC-2119`, `FR-1`). One is a story when it has boxes or
 * acceptance criteria, stands below one such as `User Stories`, or is written as the stories of this PRD
 * are: `US-…`, the prefix of one that is one, or beside them. Where stories are `US-…`, those with
 * another prefix have to be of their level.
 */
export function storiesAmong(
  candidates: readonly Candidate[],
  lines: readonly MarkdownLine[],
): readonly Candidate[] {
  const starts = startsOf(candidates);
  const parents = parentsIn(lines);
  const parentOf = ({ index }: Candidate) => parents.get(index) ?? -1;
  const nameOf = (index: number) => index < 0 ? "" : lines[index].view;
  const mayBe = new Set(
    candidates.filter((one) =>
      one.separated && !NO_KIND.test(one.prefix) && !NO_PLACE.test(nameOf(parentOf(one)))
    ),
  );
  const withBoxes = candidates.filter((one) => {
    const end = sectionEnd(lines, one, (index) => starts.has(index));
    const body = lines.slice(one.index, end);
    return body.some(({ kind }) => kind === "box") || mayBe.has(one) && body.some(isCriteria);
  });
  const sure = new Set([
    ...withBoxes,
    ...[...mayBe].filter((one) => PLACE.test(nameOf(parentOf(one)))),
  ]);
  const prefixes = new Set([...sure].map(({ prefix }) => prefix)).add("US-");
  const isOne = (one: Candidate) =>
    sure.has(one) ||
    one.separated && prefixes.has(one.prefix) && !isOver(one, { candidates, lines });
  const first = ofLevels(candidates.filter(isOne));
  const beside = besideThem(first, { candidates, lines, parents });
  const stories = new Set(first);
  return candidates.filter((one) => stories.has(one) || mayBe.has(one) && beside(one));
}

/** Where stories are `US-…`, the others are of their level. */
function ofLevels(stories: readonly Candidate[]): readonly Candidate[] {
  const levels = new Set(
    stories.filter(({ prefix }) => isUs(prefix)).map(({ heading }) => heading.level),
  );
  if (levels.size === 0) return stories;
  return stories.filter(({ prefix, heading }) => isUs(prefix) || levels.has(heading.level));
}

/**
 * Tells whether a heading stands as the stories do: at their level, and below the heading that one of them
 * is below, or below one that has nothing but such headings.
 */
function besideThem(
  stories: readonly Candidate[],
  { candidates, lines, parents }: {
    candidates: readonly Candidate[];
    lines: readonly MarkdownLine[];
    parents: ReadonlyMap<number, number>;
  },
): (one: Candidate) => boolean {
  const placeOf = (index: number, level: number) => `${parents.get(index) ?? -1} ${level}`;
  const levels = new Set(stories.map(({ heading }) => heading.level));
  const places = new Set(stories.map(({ index, heading }) => placeOf(index, heading.level)));
  const withId = startsOf(candidates.filter(({ separated }) => separated));
  const mixed = new Set<string>();
  for (const [index, line] of lines.entries()) {
    if (line.kind === "heading" && !withId.has(index)) mixed.add(placeOf(index, line.level));
  }
  return ({ index, heading: { level } }) => {
    const place = placeOf(index, level);
    return levels.has(level) && (places.has(place) || !mixed.has(place));
  };
}

/** Of each heading the index of the one that it is below; -1 where there is none. */
function parentsIn(lines: readonly MarkdownLine[]): ReadonlyMap<number, number> {
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
const CRITERIA =
  /^ {0,3}(?:#{1,6}[ \t]+)?[*_]{0,3}(?:(?:acceptance[ \t]+)?criteria|acs)[:*_# \t]*$/i;

/** Whether it is the label or the heading of acceptance criteria. */
export const isCriteria = ({ kind, view }: MarkdownLine): boolean =>
  (kind === "text" || kind === "heading") && CRITERIA.test(view);

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
