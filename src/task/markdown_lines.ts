/**
 * What the lines of a markdown file are, as far as a PRD needs it (CommonMark 0.31 and GitHub's task
 * lists). Works on `Source.view`, where `\s` and `trim` would take a byte 0xa0 or 0x85 out of the
 * middle of a character: hence `[ \t]`.
 */
import { prdError } from "./faults.ts";
import { type Source, textAt } from "./source.ts";

/** A line without its end: the bytes from `start` to before `end`. */
interface LineBase {
  start: number;
  end: number;
  /** One character per byte. */
  view: string;
}

export interface Heading extends LineBase {
  kind: "heading";
  level: number;
  /** The byte after the `#`s. */
  textStart: number;
}

export interface Box extends LineBase {
  kind: "box";
  ticked: boolean;
  indent: number;
  /** What stands between the brackets. */
  mark: { start: number; end: number };
  /** The byte after the brackets. */
  textStart: number;
}

/** `code` is of a fenced block, its fences included; `comment` of an HTML comment. */
export type MarkdownLine = Heading | Box | LineBase & { kind: "text" | "code" | "comment" };

const HEADING = /^ {0,3}(#{1,6})(?=[ \t]|$)/;
/**
 * In an item of a list, whose mark may be a • (as bytes). What is in use for done: x and check marks (✅ ✔ ✓ ☑, as bytes). `[]`, `[/]`, `[!]`, `[P]` and their like
 * are for what is not done, not begun, put off or marked otherwise: open. `[x]a` lacks a space.
 */
const BOX =
  /^([ \t]*)(?:[-*+]|\xe2\x80\xa2|\d{1,9}[.)])[ \t]+\[([ xX]|\xe2(?:\x9c[\x85\x94\x93]|\x98\x91)(?:\xef\xb8\x8f)?|[/~!?>*+.A-Z-]?)\](?=[ \t]|$|(?<=\[[ xX]\])[^([:])/;
/** Also as the first thing in a list item, and indented as far as a list may be. */
const FENCE = /^[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(`{3,}(?=[^`]*$)|~{3,})/;
const FENCE_END = /^[ \t]*(`{3,}|~{3,})[ \t]*$/;
const COMMENT = /^[ \t]*<!--/;

/**
 * Throws `RalphError` (`usage`) for a code block or a comment that never ends, since it would hide
 * every story after it. A line of `---` below text is not read as making it a heading (as CommonMark
 * has it): in PRDs it is a rule between stories.
 */
export function markdownLines(source: Source): readonly MarkdownLine[] {
  const lines: MarkdownLine[] = [];
  let fence: { mark: string; offset: number } | undefined;
  let comment: { offset: number } | undefined;
  for (const [index, start] of source.lineStarts.entries()) {
    const base = lineBase(source, index, start);
    const { view } = base;
    if (comment === undefined && fence === undefined && COMMENT.test(view)) {
      comment = { offset: start };
    }
    if (comment !== undefined) {
      lines.push({ ...base, kind: "comment" });
      if (view.includes("-->")) comment = undefined;
    } else if (fence !== undefined) {
      lines.push({ ...base, kind: "code" });
      if (FENCE_END.exec(view)?.[1].startsWith(fence.mark)) fence = undefined;
    } else {
      const mark = FENCE.exec(view)?.[1];
      if (mark !== undefined) fence = { mark, offset: start };
      lines.push(mark !== undefined ? { ...base, kind: "code" } : classify(base));
    }
  }
  if (fence) throw prdError(source, fence.offset, "a code block begins here and never ends");
  if (comment) throw prdError(source, comment.offset, "a comment begins here and never ends");
  return lines;
}

/** The heading's text from `skip` bytes after its `#`s, without the `#`s that may close it. */
export function headingText(source: Source, { textStart, end }: Heading, skip = 0): string {
  const text = textAt(source, textStart + skip, end).trim();
  let length = text.length;
  while (text[length - 1] === "#") length--;
  const isClosed = length === 0 || text[length - 1] === " " || text[length - 1] === "\t";
  return isClosed ? text.slice(0, length).trim() : text;
}

function lineBase({ view, lineStarts }: Source, index: number, start: number): LineBase {
  let end = lineStarts[index + 1] ?? view.length;
  while (end > start && (view[end - 1] === "\n" || view[end - 1] === "\r")) end--;
  return { start, end, view: view.slice(start, end) };
}

function classify(base: LineBase): MarkdownLine {
  const { start, view } = base;
  const heading = HEADING.exec(view);
  if (heading) {
    const textStart = start + heading[0].length;
    return { ...base, kind: "heading", level: heading[1].length, textStart };
  }
  const box = BOX.exec(view);
  if (!box) return { ...base, kind: "text" };
  const textStart = start + box[0].length;
  const mark = { start: textStart - 1 - box[2].length, end: textStart - 1 };
  const ticked = /[x\xe2]/i.test(box[2]);
  return { ...base, kind: "box", ticked, indent: box[1].length, mark, textStart };
}
