/** What in a markdown PRD may say how far a story is, and is not read: a person is told. */
import { plain } from "../terminal/plain.ts";
import { isSectionOfDone } from "./left_out.ts";
import { headingText, type MarkdownLine } from "./markdown_lines.ts";
import { remark } from "./remark.ts";
import { lineAt, type Source, textAt } from "./source.ts";
import type { Candidate } from "./story_headings.ts";
import { ID_AT_START } from "./story_id.ts";
import {
  headingChecks,
  readStatus,
  statusesOf,
  type StatusField,
  unreadState,
} from "./story_state.ts";

/** A story as it is read, and its lines. */
export interface ReadState {
  story: Candidate;
  passes: boolean;
  statuses: readonly StatusField[];
  body: readonly MarkdownLine[];
}

interface Said {
  done: boolean;
  offset: number;
}

/** In a list a status may be what the story is about; the others are not as it is written elsewhere. */
const ITEM =
  /^[ \t]*(?:(?:[-*+>]|<!--)[ \t]+)*[*_`]{0,3}(?:status|estado|statut|stato|passe[sd]|passing|verified|progress|resolution)([^`]*)(?:`([ \t]*(?:-->)?[ \t]*))?$/i;
/** Between a label and its value. */
const COLON = /^[*_]{0,3}[ \t]*(?:[:=-]|\xe2\x80[\x93\x94])?[*_]{0,3}/;
/** `✅ Done` or `**DONE**` by itself, one word, and a row of a table. */
const ALONE =
  /^[ \t]*(?:[->][ \t]+)?((?=\*\*|\xe2\x9c[\x85\x94\x93]|\xe2\x98\x91|\[[xX]\]).*|[*_`]*[A-Za-z]+[^A-Za-z]*)$/;
const ROW = /^[ \t]*\|[ \t*_]*(?:status|state|estado|passe[sd])[ \t*_]*\|([^|]*)\|/i;
const TITLE = /^(?:status|estado|statut|stato|state)[^A-Za-z]*$/i;
const LIST_ITEM = /^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+/;
const STRUCK = /^[ \t*_]*~~/;
const BLANK = /^[ \t]*$/;
/** Of a row, in bytes: in a longer one nothing is looked for. */
const ROW_MAX = 2_000;

/** One line for each kind of thing that is not read; `outside` are the lines that are in no story. */
export function stateRemarks(
  source: Source,
  stories: readonly ReadState[],
  { lines, outside }: { lines: readonly MarkdownLine[]; outside: readonly MarkdownLine[] },
): readonly string[] {
  const sections = sectionsThatMayBeDone(source, lines);
  const at = (offset: number) => `line ${lineAt(source, offset)}`;
  const elsewhere = doneElsewhere(outside);
  const unknown: string[] = [];
  const done: string[] = [];
  const open: string[] = [];
  for (const { story, passes, statuses, body } of stories) {
    const id = `\`${plain(story.id, 60)}\``;
    for (const { valueStart, valueEnd } of statuses.filter(({ isTold }) => isTold)) {
      const value = textAt(source, valueStart, valueEnd).trim();
      unknown.push(`${id} has \`${plain(value, 40)}\` (${at(valueStart)})`);
    }
    const listed = elsewhere.get(story.id.toUpperCase()) ?? sections.get(story.index);
    const said = [
      ...saidIn(source, story, body),
      ...listed === undefined ? [] : [{ done: true, offset: listed }],
    ].find((one) => one.done !== passes);
    if (said) (said.done ? done : open).push(`${id} (${at(said.offset)})`);
  }
  return [
    remark("a status that is not known", unknown),
    remark("open, and said to be done where that is not read", done),
    remark("passing, and said to be open where that is not read", open),
  ].filter((line) => line !== undefined);
}

/** What its heading, a plain item and a heading `Status` say. */
function saidIn(
  source: Source,
  { heading }: Candidate,
  body: readonly MarkdownLine[],
): readonly Said[] {
  const ofHeading = unreadState(headingText(source, heading));
  const said: Said[] = ofHeading ? [{ done: ofHeading.done, offset: heading.start }] : [];
  const add = (value: string, offset: number) => {
    const done = readStatus(value.trim())?.done ??
      (/^(?:true|yes|100 ?%)$/i.test(value.trim()) || undefined);
    if (done !== undefined) said.push({ done, offset });
  };
  for (const [index, line] of body.entries()) {
    if (line.kind === "text" || line.kind === "comment") {
      const { view } = line;
      const value = itemIn(view) ?? (ROW.exec(view) ?? ALONE.exec(view))?.[1];
      if (value !== undefined && statusesOf(view).length === 0) add(value, line.start);
    }
    if (line.kind !== "heading" || !TITLE.test(headingText(source, line))) continue;
    const below = body.slice(index + 1, index + 4).find(({ view }) => !BLANK.test(view));
    if (below?.kind === "text") add(below.view.replace(LIST_ITEM, ""), below.start);
  }
  return said;
}

function itemIn(view: string): string | undefined {
  const rest = ITEM.exec(view)?.[1];
  return rest?.replace(COLON, "").trim().replace(/-->$/, "").trimEnd();
}

const SECTION =
  /\b(?:done|completed?|finished|closed|shipped|archived?|hecho|terminado|erledigt)\b/i;

/** Of each heading, by its index, the one above it that speaks of what is done. */
function sectionsThatMayBeDone(
  source: Source,
  lines: readonly MarkdownLine[],
): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  let section: Extract<MarkdownLine, { kind: "heading" }> | undefined;
  for (const [index, line] of lines.entries()) {
    if (line.kind !== "heading") continue;
    if (section && line.level > section.level) {
      found.set(index, section.start);
      continue;
    }
    const text = headingText(source, line);
    const isOne = SECTION.test(text) && !/definition of done|not done|to be done/i.test(text);
    // a title speaks of the work
    section = isOne && (line.level > 1 || isSectionOfDone(text)) ? line : undefined;
  }
  return found;
}

/** The ids, in upper case, that a list or a table says are done, each with its place. */
function doneElsewhere(lines: readonly MarkdownLine[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { kind, view, start, ...line } of lines) {
    if (kind !== "text" && kind !== "box" || view.length > ROW_MAX) continue;
    const isTicked = kind === "box" && "ticked" in line && line.ticked === true;
    const text = view.replace(LIST_ITEM, "").replace(/^\[.{0,3}\][ \t]*/, "");
    const id = isTicked || LIST_ITEM.test(view) ? ID_AT_START.exec(text)?.[1] : undefined;
    const isDone = isTicked || STRUCK.test(text) || headingChecks(text).length > 0;
    if (id !== undefined && isDone) found.set(id.toUpperCase(), start);
    const cells = /^[ \t]*\|/.test(view) ? view.split("|").map((cell) => cell.trim()) : [];
    const isRowDone = cells.some((cell) => readStatus(cell)?.done);
    for (const cell of isRowDone ? cells : []) {
      const ofCell = ID_AT_START.exec(cell)?.[1];
      if (ofCell !== undefined) found.set(ofCell.toUpperCase(), start);
    }
  }
  return found;
}
