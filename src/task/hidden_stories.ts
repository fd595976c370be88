/** What may be a story in a markdown file and is not read as one: it would be lost in silence. */
import type { MarkdownLine } from "./markdown_lines.ts";
import { type Source, textAt } from "./source.ts";
import { NUMBER, PREFIX, SCOPE } from "./story_id.ts";

interface Hidden {
  /** Its byte in the file. */
  offset: number;
  id: string;
  /** Why it is not read, in words. */
  why: string;
}

interface Read {
  /** Whether a story of this id was read, or left out by a person. */
  isKnown(id: string): boolean;
  /** Whether stories have such ids here; in upper case, without the number. */
  isKind(prefix: string): boolean;
  /** Whether the line of this index is in a story, or below a heading of what is left out. */
  isInside(index: number): boolean;
}

const ID = String
  .raw`(?:\d{1,4}[.)][ \t]+)?(?:(?:user )?story[ \t]+)?(${SCOPE})(${PREFIX})(${NUMBER})`;
const MARKS = String.raw`[*_~]*`;
/** What stands before the id, and after it. */
const form = (before: string, after = "") =>
  new RegExp(`^[ \\t]*${before}${MARKS}${ID}${after}`, "i");
const ITEM = String.raw`(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?`;
const SEPARATED = String.raw`[*_~]*[ \t]*(?:[:.–—-]|\xe2\x80[\x93\x94]|$)`;

/** Of any place, whether or not the story is there under another heading. */
const HEADINGS: readonly (readonly [RegExp, string])[] = [
  [form("#{1,6}(?=[^# \\t])[^A-Za-z0-9#]*"), "there is no space after its `#`s"],
  [form("<h[1-6][^>]*>[ \\t]*"), "it is a heading in HTML"],
  [form("(?:[-*+]|\\d{1,9}[.)])[ \\t]+#{1,6}[ \\t]+"), "its heading is an item of a list"],
];
const ANYWHERE: readonly (readonly [RegExp, string])[] = [
  [form("(?:>[ \\t]*)+(?:#{1,6}[ \\t]*|\\*\\*|__)"), "it is in a quote"],
  [form(`${ITEM}(?:\\*\\*|__)`, SEPARATED), "it is bold text, and no heading"],
  [form("(?:\\*\\*|__)", "(?:\\*\\*|__)"), "it is bold text, and no heading"],
];
/** In a story these are criteria and what it speaks of. */
const OUTSIDE: readonly (readonly [RegExp, string])[] = [
  [form("\\|(?:[^|]{0,40}\\|)?[ \\t]*", "[*_~]*[ \\t]*\\|"), "it is a row of a table"],
  [
    form(`${ITEM}(?:\\[[^\\]]{0,3}\\][ \\t]+)?`, SEPARATED),
    "it is an item of a list or a line of text",
  ],
];
const TEXT = form("", SEPARATED);
const UNDERLINE = /^ {0,3}(?:=+|-+)[ \t]*$/;
/** An id stands at the beginning of its line. In UTF-16 units. */
const HEAD_MAX = 200;
const MAY_HAVE_ID = /[A-Za-z]-?[A-Za-z]{0,2}\d/;
/** Empty lines between a line and the boxes that are its own. */
const GAP_MAX = 3;
const BLANK = /^[ \t]*$/;

/** One for each line that may be one; none when all is read. */
export function hiddenStories(
  lines: readonly MarkdownLine[],
  read: Read,
): readonly Hidden[] {
  const hidden: Hidden[] = [];
  for (const [index, line] of lines.entries()) {
    const view = line.view.slice(0, HEAD_MAX);
    if (line.kind !== "text" && line.kind !== "box" || !MAY_HAVE_ID.test(view)) continue;
    const found = hiddenIn(view, formsFor(lines, index, read), read);
    if (found) hidden.push({ ...found, offset: line.start });
  }
  return hidden;
}

function hiddenIn(
  view: string,
  groups: ReturnType<typeof formsFor>,
  { isKind, isKnown }: Read,
): Omit<Hidden, "offset"> | undefined {
  for (const [forms, always] of groups) {
    for (const [pattern, why] of forms) {
      const [, scope, prefix, number] = pattern.exec(view) ?? [];
      if (prefix === undefined || !isKind(prefix.toUpperCase())) continue;
      const id = scope + prefix + number;
      if (always || !isKnown(id)) return { id, why };
    }
  }
  return undefined;
}

function formsFor(
  lines: readonly MarkdownLine[],
  index: number,
  { isInside }: Read,
): readonly (readonly [readonly (readonly [RegExp, string])[], boolean])[] {
  const next = lines[index + 1];
  const below = lines.slice(index + 1, index + 1 + GAP_MAX)
    .find(({ kind, view }) => kind !== "text" || !BLANK.test(view));
  const isApart = index === 0 || BLANK.test(lines[index - 1].view);
  const isUnderlined = next?.kind === "text" && UNDERLINE.test(next.view);
  const hasBoxes = isApart && lines[index].kind === "text" && below?.kind === "box";
  return [
    [HEADINGS, true],
    [ANYWHERE, false],
    ...isUnderlined || hasBoxes ? [[[[TEXT, "it is a line of text"]], false] as const] : [],
    ...isInside(index) ? [] : [[OUTSIDE, false] as const],
  ];
}

/** Whether a code block holds all of it, so that nothing in it is read. */
export function isAllCode(source: Source, lines: readonly MarkdownLine[]): boolean {
  const filled = lines.filter(({ view }) => !BLANK.test(view));
  return filled.length > 2 && filled.every(({ kind }) => kind === "code") &&
    /^[ \t]*#{1,6}[ \t]/m.test(textAt(source, filled[1].start, filled[filled.length - 1].end));
}
