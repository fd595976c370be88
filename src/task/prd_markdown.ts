/**
 * `prd.md`: stories are headings that begin with an id (`### US-001: Title`), and all boxes of a
 * story's section are its criteria. It passes when they are all ticked.
 */
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { isAllCode } from "./hidden_stories.ts";
import { isSectionOfDone, isSectionOfLeftOut, isStatusOfLeftOut, whyLeftOut } from "./left_out.ts";
import { headingText, type MarkdownLine, markdownLines } from "./markdown_lines.ts";
import type { PrdReading, StoryEntry } from "./prd_document.ts";
import { priorityFrom } from "./priority.ts";
import { aboutText, markdownOffers, markdownSections } from "./rest_of_prd.ts";
import { dependenciesIn, hasOtherNeeds } from "./dependencies.ts";
import { type Fault, refuse } from "./faults.ts";
import { lineAt, type Source, textAt } from "./source.ts";
import { plainCriteria, readStoryBody } from "./story_body.ts";
import {
  type Candidate,
  candidatesIn,
  isNoKind,
  plainCandidatesIn,
  sectionEnd,
  startsOf,
  storiesAmong,
} from "./story_headings.ts";
import { marksOf } from "./story_marks.ts";
import { headingChecks, type Sign, stateOf, statusText } from "./story_state.ts";
import { type ReadState, stateRemarks } from "./unread_state.ts";
import { headingsWithoutId, unreadParts } from "./unread_stories.ts";

const INTRODUCTION = /^(introduction|overview|summary|description)$/i;

/** In the heading of a story: `(P0)`, and `(depends on US-002)`. */
const PRIORITY = /[([](P[0-3])[)\]]/i;
const NEEDS = /[([](?:depends on|requires|needs|blocked by|after)\b:?([^()[\]]+)[)\]]/i;

const FORM_HINT = {
  text: "a story is a heading such as `### US-001: Title` with `- [ ]` lines below it",
};

/** Reads a `prd.md`, in whatever encoding. Throws `RalphError` (`usage`) with the place. */
export function readMarkdownPrd(source: Source): PrdReading {
  const lines = markdownLines(source);
  const { candidates, stories } = storiesIn(source, lines);
  const starts = startsOf(stories);
  const above = sectionsOfLeftOut(source, lines, starts);
  const read = { source, lines, stories, candidates, above };
  const { faults, boxes } = unreadParts(read);
  if (stories.length === 0) {
    refuse(source, faults);
    refuse(source, noStories(source, lines, candidates));
  }
  const leftOut = new Map(stories.map((story) => {
    const end = sectionEnd(lines, story, (index) => starts.has(index));
    return [story, whyLeft(source, lines, { story, end }) ?? above.get(story.index)];
  }));
  const beside = linesBeside(lines, stories);
  const sections = markdownSections(source, lines, (index) => !beside.has(index));
  const finished = sectionsOfDone(source, lines, starts);
  const places = sectionsOfPriority(lines, starts);
  const found = stories.filter((story) => leftOut.get(story) === undefined).map((story) => {
    const end = sectionEnd(lines, story, (index) => starts.has(index));
    return readStory(source, story, {
      body: lines.slice(story.index + 1, end),
      end: lines[end]?.start ?? source.view.length,
      around: finished.get(story.index),
      place: places.get(story.index),
    });
  });
  return {
    format: "markdown",
    ...frontMatter(source, lines, starts),
    about: aboutText(sections),
    faults,
    remarks: [
      ...boxes.map(({ name, line }) =>
        `the boxes below ${
          name === "" ? "no heading" : `\`${plain(name, 60)}\``
        } (line ${line}) are in no story`
      ),
      ...stateRemarks(
        source,
        found.map(({ state }) => state),
        { lines, outside: lines.filter((_, index) => beside.has(index)) },
      ),
    ],
    offers: markdownOffers(sections),
    leftOut: stories.flatMap((story) => {
      const why = leftOut.get(story);
      if (why === undefined) return [];
      return [{ id: story.id, why, line: lineAt(source, story.heading.start) }];
    }),
    entries: found.map(({ entry }) => entry),
  };
}

/** The headings with an id, and which of them are stories. Plain ids count where nothing else is a story. */
function storiesIn(source: Source, lines: readonly MarkdownLine[]) {
  const candidates = candidatesIn(source, lines);
  const stories = storiesAmong(candidates, lines);
  if (stories.length > 0) return { candidates, stories };
  const plain = plainCandidatesIn(source, lines);
  const plainStories = storiesAmong(plain.filter(({ separated }) => separated), lines);
  const starts = startsOf(plainStories);
  const inside = new Set(
    plainStories.flatMap((story) =>
      lines.slice(story.index, sectionEnd(lines, story, (index) => starts.has(index)))
    ),
  );
  const isAll = headingsWithoutId(source, lines).every((heading) => inside.has(heading));
  return isAll && plainStories.length > 0
    ? { candidates: plain, stories: plainStories }
    : { candidates: [...candidates, ...plain], stories };
}

/** Names what stands in the place of stories, where something does. */
function noStories(
  source: Source,
  lines: readonly MarkdownLine[],
  candidates: readonly Candidate[],
): readonly Fault[] {
  const none = "it has no user stories";
  const fault = (offset: number, reason: string) => ({ offset, reason, hints: [FORM_HINT] });
  const [start] = source.lineStarts;
  if (isAllCode(source, lines)) return [fault(start, `${none}: all of it is in a code block`)];
  const nameless = headingsWithoutId(source, lines);
  if (nameless.length > 0) {
    const draft = {
      text: "or have a PRD drafted from it",
      command: `ralph plan --from ${shellWord(source.path)}`,
    };
    return nameless.map((heading, i) => {
      const name = plain(headingText(source, heading), 60);
      const one = fault(heading.start, `${none}: \`${name}\` has boxes, and no id`);
      return i === 0 ? { ...one, hints: [FORM_HINT, draft] } : one;
    });
  }
  const bare = candidates.filter(({ separated, prefix }) => separated && !isNoKind(prefix));
  if (bare.length > 0) {
    return bare.map(({ heading, id }) =>
      fault(heading.start, `${none}: \`${plain(id, 60)}\` has no boxes, and no acceptance criteria`)
    );
  }
  const boxes = lines.filter(({ kind }) => kind === "box").length;
  return [fault(start, boxes === 0 ? none : `${none}: its boxes are below no heading with an id`)];
}

/** The indexes of the lines that stand in no story. */
function linesBeside(
  lines: readonly MarkdownLine[],
  stories: readonly Candidate[],
): ReadonlySet<number> {
  const starts = startsOf(stories);
  const beside = new Set(lines.keys());
  for (const story of stories) {
    const end = sectionEnd(lines, story, (index) => starts.has(index));
    for (let index = story.index; index < end; index++) beside.delete(index);
  }
  return beside;
}

/** Of each story below a heading such as `Done` or `Phase 1 ✅`, by its index: what that says of it. */
function sectionsOfDone(
  source: Source,
  lines: readonly MarkdownLine[],
  stories: ReadonlySet<number>,
): ReadonlyMap<number, Sign> {
  const found = new Map<number, Sign>();
  let section: { level: number; sign: Sign } | undefined;
  for (const [index, line] of lines.entries()) {
    if (line.kind !== "heading") continue;
    if (section && line.level > section.level) {
      if (stories.has(index)) found.set(index, section.sign);
      continue;
    }
    const text = headingText(source, line);
    const isDone = isSectionOfDone(text) || headingChecks(line.view).length > 0;
    // a title is no section
    section = line.level > 1 && !stories.has(index) && isDone
      ? { level: line.level, sign: { what: `its section, \`${plain(text, 40)}\``, done: true } }
      : undefined;
  }
  return found;
}

/**
 * Of each heading below one such as `Out of scope`, or below that of an epic whose status takes it out,
 * by its index: so in words.
 */
function sectionsOfLeftOut(
  source: Source,
  lines: readonly MarkdownLine[],
  stories: ReadonlySet<number>,
): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  let section: { level: number; why: string } | undefined;
  let epic: { level: number; text: string } | undefined;
  for (const [index, line] of lines.entries()) {
    if (line.kind === "heading") {
      epic = undefined;
      if (section && line.level > section.level) {
        found.set(index, section.why);
        continue;
      }
      const text = headingText(source, line);
      section = isSectionOfLeftOut(text)
        ? { level: line.level, why: `it is below \`${plain(text, 40)}\`` }
        : undefined;
      // the status of the PRD itself stands below its title
      if (line.level > 1 && !stories.has(index)) epic = { level: line.level, text };
    } else if (epic && line.kind === "text") {
      const status = statusText(line.view);
      if (status === undefined || !isStatusOfLeftOut(status)) continue;
      const why = `it is below \`${plain(epic.text, 40)}\`, whose status is ${plain(status, 40)}`;
      section = { level: epic.level, why };
      epic = undefined;
    }
  }
  return found;
}

const SECTION_PRIORITY =
  /^[^A-Za-z0-9]*(?:(critical|urgent|high|medium|normal|low|must|should|could)[ -](?:priority|have)|(P[0-3])(?![A-Za-z0-9-])|priority[^A-Za-z0-9]+([A-Za-z0-9]+))/i;

/** Of each story below a heading such as `High priority`, by its index: what that says. */
function sectionsOfPriority(
  lines: readonly MarkdownLine[],
  stories: ReadonlySet<number>,
): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  let section: { level: number; priority: string } | undefined;
  for (const [index, line] of lines.entries()) {
    if (line.kind !== "heading") continue;
    if (section && line.level > section.level) {
      if (stories.has(index)) found.set(index, section.priority);
      continue;
    }
    const [, word, number, other] = stories.has(index)
      ? []
      : SECTION_PRIORITY.exec(line.view) ?? [];
    const priority = word ?? number ?? other;
    section = priority === undefined ? undefined : { level: line.level, priority };
  }
  return found;
}

/** Why a person has taken a story out of the work, in words: by its heading, or its status. */
function whyLeft(
  source: Source,
  lines: readonly MarkdownLine[],
  { story: { heading, index, title }, end }: { story: Candidate; end: number },
): string | undefined {
  const marked = whyLeftOut(headingText(source, heading), title);
  if (marked !== undefined) return marked;
  for (const line of lines.slice(index + 1, end)) {
    const status = line.kind === "text" ? statusText(line.view) : undefined;
    if (status !== undefined && isStatusOfLeftOut(status)) {
      return `its status is ${plain(status, 40)}`;
    }
  }
  return undefined;
}

function readStory(
  source: Source,
  story: Candidate,
  { body, end, around, place = "" }: {
    body: readonly MarkdownLine[];
    end: number;
    around?: Sign;
    /** The priority that its section says. */
    place?: string;
  },
): { entry: StoryEntry; state: ReadState } {
  const { heading, id, title } = story;
  const found = readStoryBody(source, body);
  const { boxes, fields, statuses } = found;
  const needs = [fields.dependsOn, NEEDS.exec(title)?.[1] ?? ""].filter(Boolean).join(", ");
  const marks = marksOf(source, heading, { ...found, around });
  const { passes, disagree } = stateOf(marks.signs);
  const entry: StoryEntry = {
    offset: heading.start,
    end,
    story: {
      id,
      title,
      description: fields.description,
      criteria: boxes.length > 0
        ? boxes.map(({ text, ticked }) => ({ text, ticked }))
        : plainCriteria(fields.criteria).map((text) => ({ text })),
      priority: priorityFrom(fields.priority || (PRIORITY.exec(title)?.[1] ?? place)),
      passes,
      notes: [
        fields.notes,
        hasOtherNeeds(needs) ? `Depends on: ${needs}` : "",
      ].filter(Boolean).join("\n"),
      dependsOn: dependenciesIn(needs),
      line: lineAt(source, heading.start),
      ...marks.names.some((name) => name !== "boxes") && { marks: marks.names },
      ...disagree !== undefined && { disagree },
      ...fields.review !== "" && { review: false as const },
    },
    passesEdits: marks.edits,
    ...marks.box && { boxEdits: [marks.box(passes)] },
    state: marks.spans,
  };
  return { entry, state: { story, passes, body, statuses } };
}

/** The title is the first H1's; the description stands below it, or in an introduction. */
function frontMatter(
  source: Source,
  lines: readonly MarkdownLine[],
  stories: ReadonlySet<number>,
) {
  const headings = lines.flatMap((line, index) =>
    line.kind === "heading" ? [{ level: line.level, text: headingText(source, line), index }] : []
  );
  const title = headings.find(({ level, index }) => level === 1 && !stories.has(index));
  const introduction = headings.find(({ text }) => INTRODUCTION.test(text));
  const below = (heading?: { index: number }) => {
    if (!heading) return "";
    const next = headings.find(({ index }) => index > heading.index)?.index;
    return lines.slice(heading.index + 1, next)
      .filter(({ kind }) => kind !== "comment")
      .map(({ start, end }) => textAt(source, start, end)).join("\n").trim();
  };
  return {
    title: title?.text.replace(/^PRD\s*[:–—-]\s*/i, "") ?? "",
    description: below(title) || below(introduction),
  };
}
