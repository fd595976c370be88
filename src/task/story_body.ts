/** What the section of a markdown story says: boxes, `**Label:**` fields, and all the rest. */
import { type Box, headingText, type MarkdownLine } from "./markdown_lines.ts";
import { statusesOf, type StatusField } from "./story_state.ts";
import { lineFields } from "./line_fields.ts";
import { type Source, textAt } from "./source.ts";

type Field = "description" | "priority" | "dependsOn" | "notes" | "criteria" | "review";

type Fields = Record<Field, string[]>;

interface StoryBody {
  /** What says how far it is, where it stands in the file. */
  statuses: readonly StatusField[];
  /** The text of a box goes on over the lines below that are indented deeper than it. */
  boxes: readonly (Pick<Box, "ticked" | "mark"> & { text: string })[];
  /** What has no place elsewhere is in `notes`, so that the agent is told of it. */
  fields: Readonly<Record<Field, string>>;
}

const LABEL =
  /^[ \t]*(?:[-*+][ \t]+)?\*\*([A-Za-z][A-Za-z -]{0,40})(?::[ \t]*\*\*|\*\*[ \t]*:)[ \t]*/;
/** These are written without stars, too; before an id without a colon as well. */
const PLAIN_LABEL =
  /^[ \t]*(?:[-*+][ \t]+)?[*_]{0,3}(?:(depends on|depends|deps|dependencies|dependency|blocked by|requires|needs|prerequisites?|priority)[*_]{0,3}[ \t]*:|(depends on|blocked by)[*_]{0,3}(?=[ \t]+[A-Z]{1,12}-?\d))[*_]{0,3}[ \t]*/i;
const LIST_ITEM = /^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]/;
const BLANK = /^[ \t]*$/;
const RULE = /^ {0,3}(?:-{3,}|\*{3,}|_{3,})[ \t]*$/;

/** The field of each label. Where there are boxes, they are the criteria. */
const FIELDS: ReadonlyMap<string, Field> = new Map([
  ["description", "description"],
  ["user story", "description"],
  ["acceptance criteria", "criteria"],
  ["criteria", "criteria"],
  ["priority", "priority"],
  ["prio", "priority"],
  ["depends on", "dependsOn"],
  ["dependencies", "dependsOn"],
  ["dependency", "dependsOn"],
  ["requires", "dependsOn"],
  ["prerequisite", "dependsOn"],
  ["prerequisites", "dependsOn"],
  ["blocked by", "dependsOn"],
  ...["depends", "deps", "needs", "after", "prereqs", "blockers", "predecessors", "waits for"].map((
    name,
  ) => [name, "dependsOn"] as const),
  ...["acs", "ac", "acceptance", "acceptance tests"].map((name) => [name, "criteria"] as const),
  ["notes", "notes"],
]);

/** Reads the lines below a story's heading. */
export function readStoryBody(source: Source, lines: readonly MarkdownLine[]): StoryBody {
  const { boxes, before, after } = splitAtBoxes(source, lines);
  const fields: Fields = {
    description: [],
    priority: [],
    dependsOn: [],
    notes: [],
    criteria: [],
    review: [],
  };
  const hasBoxes = boxes.length > 0;
  addFields(source, before, { fields, unlabelled: "description", hasBoxes });
  addFields(source, after, { fields, unlabelled: "notes", hasBoxes });
  return {
    statuses: statusesIn(lines),
    boxes: boxes.map(({ box: { ticked, mark }, lines }) => ({ ticked, mark, text: joined(lines) })),
    fields: {
      description: joined(fields.description),
      priority: joined(fields.priority),
      dependsOn: joined(fields.dependsOn),
      notes: joined(fields.notes),
      criteria: joined(fields.criteria),
      review: joined(fields.review),
    },
  };
}

/** Criteria without boxes: each item of a list with what goes on below it, or each line. */
export function plainCriteria(text: string): readonly string[] {
  const criteria: string[] = [];
  let inItem = false;
  for (const line of text.split("\n")) {
    const item = LIST_ITEM.exec(line);
    if (BLANK.test(line)) continue;
    if (item && indentOf(line) === 0) {
      criteria.push(line.slice(item[0].length).trim());
      inItem = true;
    } else if (inItem && indentOf(line) > 0) criteria[criteria.length - 1] += `\n${line}`;
    else {
      criteria.push(line.trim());
      inItem = false;
    }
  }
  return criteria;
}

function statusesIn(lines: readonly MarkdownLine[]): readonly StatusField[] {
  return lines.flatMap(({ kind, view, start }) =>
    (kind === "text" ? statusesOf(view) : []).map(({ sign, valueStart, valueEnd, ...rest }) => ({
      ...rest,
      valueStart: start + valueStart,
      valueEnd: start + valueEnd,
      ...sign && { sign: { ...sign, start: start + sign.start, end: start + sign.end } },
    }))
  );
}

/** Boxes with their lines, and the lines outside of boxes: before the first one, and after it. */
function splitAtBoxes(source: Source, lines: readonly MarkdownLine[]) {
  const boxes: { box: Box; lines: string[] }[] = [];
  const before: MarkdownLine[] = [];
  const after: MarkdownLine[] = [];
  let open: { box: Box; lines: string[] } | undefined;
  for (const line of lines) {
    if (line.kind === "comment" || line.kind === "text" && RULE.test(line.view)) continue;
    if (line.kind === "box") {
      open = { box: line, lines: [textAt(source, line.textStart, line.end).trim()] };
      boxes.push(open);
      continue;
    }
    const isBlank = BLANK.test(line.view);
    if (open && !isBlank && indentOf(line.view) <= open.box.indent) open = undefined;
    if (open) open.lines.push(textAt(source, line.start, line.end));
    else if (boxes.length === 0) before.push(line);
    else after.push(line);
  }
  return { boxes, before, after };
}

/** Adds each line to the field that its label names; `unlabelled` is where lines without one go. */
function addFields(
  source: Source,
  lines: readonly MarkdownLine[],
  { fields, unlabelled, hasBoxes }: { fields: Fields; unlabelled: Field; hasBoxes: boolean },
): void {
  let field = unlabelled;
  for (const line of lines) {
    const parts = line.kind === "text" ? lineFields(line.view) : [];
    if (parts.length > 1) {
      for (const part of parts) addPart(source, partOf(line, part), { fields, hasBoxes });
      continue;
    }
    const text = textAt(source, line.start, line.end);
    const label = labelOf(source, line);
    if (!label) {
      if (isShort(field)) {
        if (BLANK.test(line.view)) continue;
        const goesOn = field === "dependsOn" && LIST_ITEM.test(line.view);
        if (fields[field].length > 0 && !goesOn) field = unlabelled;
      }
      fields[field].push(text);
      continue;
    }
    const named = fieldOf(label, hasBoxes);
    if (named === undefined) fields.notes.push(text);
    else if (label.rest !== "") fields[named].push(label.rest);
    // a short field that is given on its label's line leaves the text around it where it was
    if (!isShort(named) || label.rest === "") field = named ?? "notes";
  }
}

/** One of several fields in a line: it says nothing about the lines below. */
function addPart(
  source: Source,
  part: MarkdownLine,
  { fields, hasBoxes }: { fields: Fields; hasBoxes: boolean },
): void {
  const label = labelOf(source, part);
  const named = label && fieldOf(label, hasBoxes);
  if (named === undefined) fields.notes.push(textAt(source, part.start, part.end));
  else if (label) fields[named].push(label.rest);
}

const partOf = (line: MarkdownLine, { start, view }: { start: number; view: string }) => ({
  kind: "text" as const,
  start: line.start + start,
  end: line.start + start + view.length,
  view,
});

function fieldOf(
  { name, rest }: { name: string; rest: string },
  hasBoxes: boolean,
): Field | undefined {
  // Of reviews PRDs say many things; only that there is to be none is a field.
  if (name.toLowerCase() === "review") {
    return /^(?:false|none|no|off)\.?$/i.test(rest.trim()) ? "review" : undefined;
  }
  const known = FIELDS.get(name.toLowerCase().replaceAll("-", " "));
  return known === "criteria" && hasBoxes ? "notes" : known;
}

/** A short field takes one line, or, for what it depends on, a list. */
function isShort(field?: Field): boolean {
  return field === "priority" || field === "dependsOn" || field === "review";
}

/** `**Name:** rest`, or a heading, which counts as a label without a rest. */
function labelOf(source: Source, line: MarkdownLine): { name: string; rest: string } | undefined {
  if (line.kind === "heading") {
    const [, name, rest = ""] = /^[*_]*([A-Za-z][A-Za-z ]*)[*_]*:[*_]*\s*(.*)$/.exec(
      headingText(source, line),
    ) ?? [];
    const isField = name !== undefined && FIELDS.has(name.toLowerCase());
    return isField ? { name, rest } : { name: headingText(source, line), rest: "" };
  }
  const found = line.kind === "text" ? LABEL.exec(line.view) ?? PLAIN_LABEL.exec(line.view) : null;
  if (!found) return undefined;
  const [all, name = found[2]] = found;
  return { name: name.trim(), rest: textAt(source, line.start + all.length, line.end).trim() };
}

function indentOf(view: string): number {
  return /^[ \t]*/.exec(view)?.[0].length ?? 0;
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => line.trimEnd()).join("\n").replaceAll(/\n{3,}/g, "\n\n").trim();
}
