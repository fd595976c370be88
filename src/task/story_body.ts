/** What the section of a markdown story says: boxes, `**Label:**` fields, and all the rest. */
import { type Box, headingText, type MarkdownLine } from "./markdown_lines.ts";
import { type MarkedSign, statusOfLine } from "./story_state.ts";
import { type Source, textAt } from "./source.ts";

type Field = "description" | "priority" | "dependsOn" | "notes" | "criteria" | "review";

type Fields = Record<Field, string[]>;

interface StoryBody {
  /** The line that says how far it is. */
  status?: MarkedSign & { valueStart: number; valueEnd: number };
  /** The text of a box goes on over the lines below that are indented deeper than it. */
  boxes: readonly (Pick<Box, "ticked" | "mark"> & { text: string })[];
  /** What has no place elsewhere is in `notes`, so that the agent is told of it. */
  fields: Readonly<Record<Field, string>>;
}

const LABEL =
  /^[ \t]*(?:[-*+][ \t]+)?\*\*([A-Za-z][A-Za-z ]{0,40})(?::[ \t]*\*\*|\*\*[ \t]*:)[ \t]*/;
/** These are written without stars, too; before an id without a colon as well. */
const PLAIN_LABEL =
  /^[ \t]*(?:[-*+][ \t]+)?[*_]{0,3}(?:(depends on|dependencies|dependency|blocked by|requires|prerequisites?|priority)[*_]{0,3}[ \t]*:|(depends on|blocked by)[*_]{0,3}(?=[ \t]+[A-Z]{1,12}-?\d))[*_]{0,3}[ \t]*/i;
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
  ["depends on", "dependsOn"],
  ["dependencies", "dependsOn"],
  ["dependency", "dependsOn"],
  ["requires", "dependsOn"],
  ["prerequisite", "dependsOn"],
  ["prerequisites", "dependsOn"],
  ["blocked by", "dependsOn"],
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
    status: statusIn(lines),
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

/** The line that says how far the story is: of several the first that says it is open, else the first. */
function statusIn(lines: readonly MarkdownLine[]): StoryBody["status"] {
  const found = lines.flatMap(({ kind, view, start, end }) => {
    const status = kind === "text" ? statusOfLine(view) : undefined;
    return status
      ? [{
        ...status,
        start: start + status.start,
        end: start + status.end,
        valueStart: start + status.valueStart,
        valueEnd: end,
      }]
      : [];
  });
  return found.find(({ done }) => !done) ?? found.at(0);
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
    const known = fieldOf(label);
    const named = known === "criteria" && hasBoxes ? "notes" : known;
    if (named === undefined) fields.notes.push(text);
    else if (label.rest !== "") fields[named].push(label.rest);
    // a short field that is given on its label's line leaves the text around it where it was
    if (!isShort(named) || label.rest === "") field = named ?? "notes";
  }
}

/** Of reviews PRDs say many things; only that there is to be none is a field. */
function fieldOf({ name, rest }: { name: string; rest: string }): Field | undefined {
  if (name.toLowerCase() !== "review") return FIELDS.get(name.toLowerCase());
  return /^(?:false|none|no|off)\.?$/i.test(rest.trim()) ? "review" : undefined;
}

/** A short field takes one line, or, for what it depends on, a list. */
function isShort(field?: Field): boolean {
  return field === "priority" || field === "dependsOn" || field === "review";
}

/** `**Name:** rest`, or a heading, which counts as a label without a rest. */
function labelOf(source: Source, line: MarkdownLine): { name: string; rest: string } | undefined {
  if (line.kind === "heading") {
    return { name: headingText(source, line).replace(/:$/, ""), rest: "" };
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
