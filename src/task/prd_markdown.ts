/**
 * `prd.md`: stories are headings of level 2 to 4 that begin with an id (`### US-001: Title`), and
 * all boxes of a story's section are its criteria. It passes when they are all ticked.
 */
import { plain } from "../terminal/plain.ts";
import { type Heading, headingText, type MarkdownLine, markdownLines } from "./markdown_lines.ts";
import type { PrdDocument, StoryEntry } from "./prd_document.ts";
import { readStoryBody } from "./story_body.ts";
import { lineAt, prdError, type Source, textAt } from "./source.ts";

/** A heading that may be a story's, with its index in the lines. */
interface Candidate {
  heading: Heading;
  index: number;
  id: string;
  /** The id without its number. */
  prefix: string;
  title: string;
  /** The id is set off from the title by more than a space, or stands alone. */
  separated: boolean;
}

/** `US-001`, `US-2.1.1`, `AUTH-US-3`, `US-001b`; before it only what is no letter and no digit. */
const ID = /^[^A-Za-z0-9]*((?:[A-Za-z][A-Za-z0-9_]*-)+)(\d+(?:\.\d+)*[a-z]?)(?![A-Za-z0-9_])/;
/** Ids in running text, but not in the target of a link (`#us-001`). */
const IDS = /(?<![A-Za-z0-9_#-])(?:[A-Za-z][A-Za-z0-9_]{0,40}-){1,8}\d+(?:\.\d+)*[a-z]?(?!\w)/g;
/** The words that people use for a priority, as the number that `P0` to `P3` give it. */
const PRIORITY_WORDS: ReadonlyMap<string, number> = new Map([
  ["critical", 0],
  ["high", 1],
  ["medium", 2],
  ["low", 3],
]);

const INTRODUCTION = /^(introduction|overview|summary|description)$/i;

const FORM_HINT = {
  text: "a story is a heading such as `### US-001: Title` with `- [ ]` lines below it",
};

/** Reads a `prd.md`, in whatever encoding. Throws `RalphError` (`usage`) with the place. */
export function readMarkdownPrd(source: Source): PrdDocument {
  const lines = markdownLines(source);
  const stories = storiesAmong(candidatesIn(source, lines), lines);
  if (stories.length === 0) {
    throw prdError(source, source.lineStarts[0], "it has no user stories", [FORM_HINT]);
  }
  const starts = new Set(stories.map(({ index }) => index));
  return {
    format: "markdown",
    ...frontMatter(source, lines),
    entries: stories.map((story) => {
      const end = sectionEnd(lines, story, (index) => starts.has(index));
      return readStory(source, story, lines.slice(story.index + 1, end));
    }),
  };
}

function candidatesIn(source: Source, lines: readonly MarkdownLine[]): readonly Candidate[] {
  return lines.flatMap((heading, index) => {
    if (heading.kind !== "heading" || heading.level < 2 || heading.level > 4) return [];
    const textView = source.view.slice(heading.textStart, heading.end);
    const found = ID.exec(textView);
    if (!found) return [];
    const [before, prefix, number] = found;
    const rest = headingText(source, heading, before.length);
    const separator = /^[\])*_`]*\s*[:.–—-]+/.exec(rest)?.[0];
    const bold = /^[ \t]*\*\*/.test(before);
    const title = rest.slice(separator?.length ?? 0).trim();
    return [{
      heading,
      index,
      id: prefix + number,
      prefix: prefix.toUpperCase(),
      title: bold && title.endsWith("**") ? title.slice(0, -2).trim() : title,
      separated: separator !== undefined || title === "",
    }];
  });
}

/**
 * Headings with a number are many (`HTTP-2`, `RFC-2119`, `FR-1`). One is a story when it has boxes,
 * or is written as the stories of this PRD are: `US-…`, or the prefix of one that has boxes.
 */
function storiesAmong(
  candidates: readonly Candidate[],
  lines: readonly MarkdownLine[],
): readonly Candidate[] {
  const starts = new Set(candidates.map(({ index }) => index));
  const withBoxes = new Set(candidates.filter((candidate) => {
    const end = sectionEnd(lines, candidate, (index) => starts.has(index));
    return lines.slice(candidate.index, end).some(({ kind }) => kind === "box");
  }));
  const prefixes = new Set([...withBoxes].map(({ prefix }) => prefix)).add("US-");
  return candidates.filter((candidate) =>
    withBoxes.has(candidate) || candidate.separated && prefixes.has(candidate.prefix)
  );
}

/** The index after the last line: at the next story, or at a heading that is not below this one. */
function sectionEnd(
  lines: readonly MarkdownLine[],
  { index, heading }: Candidate,
  isStory: (index: number) => boolean,
): number {
  let end = index + 1;
  for (; end < lines.length; end++) {
    const line = lines[end];
    if (line.kind === "heading" && (line.level <= heading.level || isStory(end))) break;
  }
  return end;
}

function readStory(
  source: Source,
  { heading, id, title }: Candidate,
  body: readonly MarkdownLine[],
): StoryEntry {
  const { boxes, fields } = readStoryBody(source, body);
  if (boxes.length === 0) {
    throw prdError(
      source,
      heading.start,
      `\`${plain(id, 60)}\` has no box to tick, so it could never pass`,
      [{ text: "write its acceptance criteria as `- [ ]` lines below its heading" }],
    );
  }
  const priority = priorityFrom(fields.priority);
  if (priority === undefined) {
    const shown = plain(fields.priority, 60);
    throw prdError(source, heading.start, `the priority of \`${plain(id, 60)}\` is \`${shown}\``, [
      { text: "write a number, `P0` to `P3`, or critical, high, medium or low" },
    ]);
  }
  return {
    offset: heading.start,
    story: {
      id,
      title,
      description: fields.description,
      criteria: boxes.map(({ text, ticked }) => ({ text, ticked })),
      priority,
      passes: boxes.every(({ ticked }) => ticked),
      notes: fields.notes,
      dependsOn: [...new Set(fields.dependsOn.match(IDS))],
      line: lineAt(source, heading.start),
    },
    passesEdits: (passes) =>
      boxes
        .filter(({ ticked }) => ticked !== passes)
        .map(({ mark: { start, end } }) => ({ start, end, text: passes ? "x" : " " })),
  };
}

/** Undefined for what is neither a number nor one of the words. */
function priorityFrom(text: string): number | undefined {
  if (text === "") return Infinity;
  const [, number, word] = /^[^A-Za-z0-9]*(?:P?(\d{1,9})(?!\w)|([A-Za-z]+))/i.exec(text) ?? [];
  return number === undefined ? PRIORITY_WORDS.get(word?.toLowerCase() ?? "") : Number(number);
}

/** The title is the first H1's; the description stands below it, or in an introduction. */
function frontMatter(source: Source, lines: readonly MarkdownLine[]) {
  const headings = lines.flatMap((line, index) =>
    line.kind === "heading" ? [{ level: line.level, text: headingText(source, line), index }] : []
  );
  const title = headings.find(({ level }) => level === 1);
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
