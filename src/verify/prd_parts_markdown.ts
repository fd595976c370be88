/**
 * What of a `prd.md` is protected: every line but ticks, blank lines and rules (`---`), and in a
 * story what stands below a label `**Notes:**` or `**Completion Notes:**`. Lines are compared as
 * bytes; that of a story's heading says which story it is.
 */
import { type MarkdownLine, markdownLines } from "../task/markdown_lines.ts";
import type { Story } from "../task/prd.ts";
import type { Source } from "../task/source.ts";
import type { PrdParts, StoryParts } from "./prd_parts.ts";

const NOTES = /^[ \t]*(?:[-*+][ \t]+)?\*\*(?:completion )?notes(?::\*\*|\*\*:)/i;
/** Ends notes: the next label is such a line. */
const BOLD = /^[ \t]*(?:[-*+][ \t]+)?\*\*/;
const RULE = /^ {0,3}(?:-{3,}|\*{3,}|_{3,})$/;

/** The ids of stories by the text of their heading's line. */
export type StoryHeadings = ReadonlyMap<string, string>;

/** The headings of a PRD's stories, which are what its copies are searched for. */
export function storyHeadings(source: Source, stories: readonly Story[]): StoryHeadings {
  const lines = markdownLines(source);
  return new Map(stories.map(({ id, line }) => [textOf(lines[line - 1]), id]));
}

/** Throws `RalphError` (`usage`) for a code block or a comment that never ends. */
export function markdownParts(source: Source, headings: StoryHeadings): PrdParts {
  const stories: StoryParts[] = [];
  const outside: string[] = [];
  const layout: string[] = [];
  let section: { id: string; level: number; lines: MarkdownLine[] } | undefined;
  const close = () => {
    if (section) stories.push(storyParts(section));
    section = undefined;
  };
  for (const line of markdownLines(source)) {
    const text = textOf(line);
    const id = line.kind === "heading" ? headings.get(text) : undefined;
    if (line.kind === "heading" && (id !== undefined || line.level <= (section?.level ?? 0))) {
      close();
      if (id !== undefined) {
        section = { id, level: line.level, lines: [] };
        layout.push(`# ${id}`);
        continue;
      }
    }
    if (section) {
      section.lines.push(line);
    } else if (!isEmpty(line, text)) {
      outside.push(text);
      layout.push(`: ${text}`);
    }
  }
  close();
  return { parts: new Map([["text", outside.join("\n")]]), stories, layout: layout.join("\n") };
}

function storyParts({ id, lines }: { id: string; lines: readonly MarkdownLine[] }): StoryParts {
  const criteria: string[] = [];
  /** With an empty line where a box stands. */
  const others: string[] = [];
  let passes = true;
  let notesLength = 0;
  let inNotes = false;
  for (const line of lines) {
    const text = textOf(line);
    if (line.kind === "text" && NOTES.test(text)) inNotes = true;
    else if (endsNotes(line, text)) inNotes = false;

    if (inNotes) notesLength += text.length + 1;
    else if (line.kind === "box") {
      criteria.push(text);
      passes &&= line.ticked;
      others.push("");
    } else if (!isEmpty(line, text)) others.push(text);
  }
  return {
    id,
    parts: new Map([["criteria", criteria.join("\n")], ["text", others.join("\n")]]),
    passes,
    notesLength,
  };
}

function endsNotes(line: MarkdownLine, text: string): boolean {
  if (line.kind === "heading" || line.kind === "box") return true;
  return line.kind === "text" && (BOLD.test(text) || RULE.test(text));
}

function isEmpty(line: MarkdownLine, text: string): boolean {
  return text === "" || line.kind === "text" && RULE.test(text);
}

/** The line as bytes, one character each, without its tick and the space at its end. */
function textOf(line: MarkdownLine): string {
  if (line.kind !== "box") return withoutEnd(line.view);
  const text = line.view.slice(line.textStart - line.start).replace(/^[ \t]+/, "");
  // no other line holds a line end: this one cannot be taken for a box, nor a box for it
  return `\n${line.indent} ${withoutEnd(text)}`;
}

/** A loop: the expression `[ \t]+$` takes quadratic time. */
function withoutEnd(view: string): string {
  let { length } = view;
  while (view[length - 1] === " " || view[length - 1] === "\t") length--;
  return view.slice(0, length);
}
