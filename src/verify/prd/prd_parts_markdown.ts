/**
 * What of a `prd.md` is protected: its words, but not its layout (`prd_words.ts`), ticks, and in a
 * story what stands below a label `**Notes:**` or `**Completion Notes:**`. A story is known by the
 * words of its heading.
 */
import { type Heading, headingText, markdownLines } from "../../task/markdown_lines.ts";
import type { MarkdownLine } from "../../task/markdown_lines.ts";
import { lineFields } from "../../task/line_fields.ts";
import type { PrdDocument } from "../../task/prd.ts";
import {
  headingBox,
  headingChecks,
  type Sign,
  stateOf,
  statusesOf,
} from "../../task/story_state.ts";
import { type Source, textAt } from "../../task/source.ts";
import type { Difference, PrdParts, PrdReader, StoryParts } from "./prd_parts.ts";
import { codeWords, headingWords, wordsOf } from "./prd_words.ts";

interface Content {
  /** As it is written, without its marks. */
  heading: string;
  /** The words of each box, with what is indented below it. */
  boxes: readonly string[];
  /** All else. */
  blocks: readonly Block[];
}

/** A line, or a whole block of code. */
interface Block {
  words: readonly string[];
  text: string;
  /** It says something by itself: what is above it does not go on in it. */
  standsAlone: boolean;
}

const NOTES = /^[ \t]*(?:[-*+][ \t]+)?\*\*(?:completion )?notes(?::\*\*|\*\*:)/i;
/** Ends notes: the next label is such a line. */
const BOLD = /^[ \t]*(?:[-*+][ \t]+)?(?:\*\*|__)/;
const NOTES_END = /^ {0,3}(?:-{3,}|\*{3,}|_{3,})[ \t]*$/;
/** A list item, a label in bold or not, a quote, a comment, a table's row, a mark of its own. */
const OWN_START =
  /^ {0,3}(?:(?:[-*+]|\d{1,9}[.)])[ \t]|\*\*|__|[A-Z][A-Za-z ]{0,30}:|>|<!--|\||[✅☑✓✔])/;
/** No word is one of these: none holds a line end. */
const BOX = "\n[]";
const STORY = "\n#";
const STATUS = "status\n";

/** In place of its id: a story that is left out is protected as what stands outside of the stories. */
const LEFT_OUT = "\n-";

/** Compares copies of this PRD with it. */
export function markdownReader(good: PrdDocument): PrdReader<Content> {
  const lines = markdownLines(good.source);
  const text = textReader(good.source);
  const keyOf = ({ line }: { line: number }) => {
    const heading = lines[line - 1];
    return heading.kind === "heading" ? headingKey(heading, text(heading)) : "";
  };
  const ids = new Map([
    ...good.leftOut.map((story) => [keyOf(story), LEFT_OUT] as const),
    ...good.stories.map((story) => [keyOf(story), story.id] as const),
  ]);
  return { read: (source) => readParts(source, ids), compare };
}

/** Throws `RalphError` (`usage`) for a code block or a comment that never ends. */
function readParts(source: Source, ids: ReadonlyMap<string, string>): PrdParts<Content> {
  const text = textReader(source);
  const outside = contentBuilder();
  const placed = contentBuilder();
  const stories: StoryParts<Content>[] = [];
  const all: string[] = [];
  let section: { id: string; level: number; story: StoryBuilder } | undefined;
  const close = () => {
    if (section) stories.push(section.story.done());
    section = undefined;
  };
  for (const lines of grouped(markdownLines(source))) {
    const [line] = lines;
    const texts = lines.map(text);
    const id = line.kind === "heading" ? ids.get(headingKey(line, texts[0])) : undefined;
    if (line.kind === "heading" && (id !== undefined || line.level <= (section?.level ?? 0))) {
      close();
      if (id !== undefined && id !== LEFT_OUT) {
        const view = source.view.slice(line.textStart, line.end);
        section = { id, level: line.level, story: storyBuilder(id, { text: texts[0], view }) };
        const mark = { words: [`${STORY} ${id}`], text: id, standsAlone: false };
        placed.add(mark);
        all.push(...mark.words, ...titleWords(withoutState(texts[0])));
        continue;
      }
    }
    const block = section && statusBlock(line, text) || blockOf(line, texts);
    if (line.kind === "box") all.push(BOX);
    for (const word of block.words) all.push(word);
    if (section) {
      section.story.add(line, block);
    } else {
      const shown = line.kind === "box" ? { ...block, words: [BOX, ...block.words] } : block;
      outside.add(shown);
      placed.add(shown);
    }
  }
  close();
  return { outside: outside.done(), placed: placed.done(), stories, words: all.join(" ") };
}

/** Lines one by one, but those of a block of code together. */
function grouped(lines: readonly MarkdownLine[]): readonly MarkdownLine[][] {
  const groups: MarkdownLine[][] = [];
  for (const line of lines) {
    const last = groups.at(-1);
    if (line.kind === "code" && last?.[0].kind === "code") last.push(line);
    else groups.push([line]);
  }
  return groups;
}

function blockOf(line: MarkdownLine, texts: readonly string[]): Block {
  const [text] = texts;
  const words = line.kind === "code"
    ? codeWords(texts)
    : line.kind === "heading"
    ? titleWords(text)
    : wordsOf(text);
  const standsAlone = line.kind === "heading" || line.kind === "code" || OWN_START.test(text);
  return { words, text: text.trim(), standsAlone: standsAlone && line.kind !== "box" };
}

interface ContentBuilder {
  add(block: Block): void;
  done(): Content;
}

function contentBuilder(heading = "", boxes: readonly string[] = []): ContentBuilder {
  const blocks: Block[] = [];
  let belowFrame = true;
  return {
    add(block) {
      if (block.words.length > 0) {
        const standsAlone = block.standsAlone || belowFrame && !block.words[0].startsWith("\n");
        blocks.push({ ...block, standsAlone });
      }
      belowFrame = block.words.length === 0;
    },
    done: () => ({ heading, boxes, blocks }),
  };
}

interface StoryBuilder {
  add(line: MarkdownLine, block: Block): void;
  done(): StoryParts<Content>;
}

function storyBuilder(id: string, { text, view }: { text: string; view: string }): StoryBuilder {
  const boxes: string[] = [];
  const content = contentBuilder(titleWords(withoutState(text)).join(" "), boxes);
  const ofHeading = [headingBox(view), ...headingChecks(view)].filter((sign) => sign !== undefined);
  const statuses: Sign[] = [];
  let passes = true;
  let notesLength = 0;
  let inNotes = false;
  /** The indent of the box that what is indented deeper goes on in. */
  let open: number | undefined;
  return {
    add(line, block) {
      if (line.kind === "text") {
        statuses.push(...statusesOf(line.view).flatMap(({ sign }) => sign ? [sign] : []));
      }
      if (line.kind === "text" && NOTES.test(line.view)) inNotes = true;
      else if (endsNotes(line)) inNotes = false;
      const isBlank = line.kind !== "box" && block.words.length === 0;
      if (open !== undefined && !isBlank && indentOf(line.view) <= open) open = undefined;

      if (inNotes) notesLength += line.view.length + 1;
      else if (line.kind === "box") {
        boxes.push(block.words.join(" "));
        passes &&= line.ticked;
        open = line.indent;
        content.add({ ...block, words: [BOX], standsAlone: false });
      } else if (open === undefined || isBlank) content.add(block);
      else boxes[boxes.length - 1] += ` ${block.words.join(" ")}`;
    },
    done() {
      const ofBoxes = boxes.length > 0 ? { what: "", done: passes } : undefined;
      const signs = [ofBoxes, ...ofHeading, ...statuses].filter((sign) => sign !== undefined);
      return {
        id,
        content: content.done(),
        boxes: boxes.length,
        passes: stateOf(signs).passes,
        claimed: signs.at(0)?.done ?? false,
        notesLength,
      };
    },
  };
}

/** A line that says how far a story is: what says so is part of its state, and no other field of the line. */
function statusBlock(line: MarkdownLine, text: (line: MarkdownLine) => string): Block | undefined {
  const statuses = line.kind === "text" ? statusesOf(line.view).filter(({ sign }) => sign) : [];
  if (statuses.length === 0) return undefined;
  const words: string[] = [];
  let start = 0;
  const addUpTo = (end: number) => {
    const view = line.view.slice(start, end);
    words.push(
      ...wordsOf(text({ kind: "text", start: line.start + start, end: line.start + end, view })),
    );
  };
  const isWhole = lineFields(line.view).length === 1;
  for (const { valueStart, valueEnd } of isWhole ? [] : statuses) {
    addUpTo(valueStart);
    words.push(STATUS);
    start = valueEnd;
  }
  if (!isWhole) addUpTo(line.view.length);
  return { words: isWhole ? [STATUS] : words, text: text(line).trim(), standsAlone: true };
}

/** A heading with its box open. */
const withoutState = (heading: string) =>
  heading.replace(/^([^A-Za-z0-9[]*(?:\d{1,4}[.)][ \t]+)?\[)[xX]?\]/, "$1 ]")
    .replace(/\[[xX]\](?=[ \t#*_]*$)/, "[ ]");

function endsNotes(line: MarkdownLine): boolean {
  if (line.kind === "heading" || line.kind === "box") return true;
  return line.kind === "text" && (BOLD.test(line.view) || NOTES_END.test(line.view));
}

function indentOf(view: string): number {
  return /^[ \t]*/.exec(view)?.[0].length ?? 0;
}

function compare(good: Content, now: Content): Difference {
  const changed: string[] = [];
  if (JSON.stringify(good.boxes) !== JSON.stringify(now.boxes)) changed.push("criteria");
  const added = addedBlocks(good.blocks, now.blocks);
  if (added === undefined) changed.push("text");
  const marked = good.heading === now.heading ? [] : [now.heading];
  return { changed, added: changed.length > 0 ? [] : [...marked, ...added ?? []] };
}

/** Blocks that have come, where all that was there is still there, in its order; undefined else. */
function addedBlocks(good: readonly Block[], now: readonly Block[]): readonly string[] | undefined {
  const wanted = good.flatMap(({ words }) => words);
  const added: string[] = [];
  let at = 0;
  let isAddition = false;
  for (const { words, text, standsAlone } of now) {
    if (words.every((word, i) => wanted[at + i] === word)) {
      at += words.length;
      isAddition = false;
      continue;
    }
    isAddition = standsAlone || isAddition && !words[0].startsWith("\n");
    if (!isAddition) return undefined;
    added.push(text);
  }
  return at === wanted.length ? added : undefined;
}

function headingKey({ level }: Heading, text: string): string {
  return `${level} ${headingWords(text).join(" ")}`;
}

function titleWords(text: string): readonly string[] {
  return wordsOf(text.replace(/[ \t]#+[ \t]*$/, ""));
}

/** The text of a line; of a file that is not UTF-8 its bytes, one character each. */
function textReader(source: Source): (line: MarkdownLine) => string {
  const isUtf8 = !textAt(source, 0, source.view.length).includes("\ufffd");
  return (line) => {
    if (line.kind === "heading" && isUtf8) return headingText(source, line);
    const start = "textStart" in line ? line.textStart : line.start;
    return isUtf8 ? textAt(source, start, line.end) : source.view.slice(start, line.end);
  };
}
