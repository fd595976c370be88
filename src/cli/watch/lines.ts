/** Lines of a screen: pieces of text, each in a style, which take up a known room. */
import { once } from "../../once.ts";
import type { Colors } from "../../terminal/colors.ts";
import { fit, width } from "../../terminal/table.ts";

type Style = "bold" | "dim" | "green" | "yellow" | "red" | "cyan" | "inverse";

/** Text without control characters. */
export interface Piece {
  text: string;
  style?: Style;
}

export type Line = readonly Piece[];

/** The text in exactly so many columns. */
export function padded(text: string, columns: number, align: "left" | "right" = "left"): string {
  const cut = fit(text, columns);
  const space = " ".repeat(Math.max(0, columns - width(cut)));
  return align === "left" ? cut + space : space + cut;
}

/** UTF-16 units of one column, as of an emoji: what is longer is cut before it is measured. */
const PER_COLUMN_MAX = 8;

/** The line cut to so many columns, with `…` where something was left out. */
export function fitLine(line: Line, columns: number): Line {
  let left = columns;
  const fitting: Piece[] = [];
  for (const piece of line) {
    const text = fit(piece.text.slice(0, left * PER_COLUMN_MAX), left);
    if (text !== "") fitting.push({ ...piece, text });
    left -= width(text);
    if (text !== piece.text) break;
  }
  return fitting;
}

/**
 * The line in as many as it takes, broken at blanks where there are some; those after the first begin
 * `hang` columns in.
 */
export function folded(line: Line, columns: number, hang = 0): readonly Line[] {
  const text = lineText(line);
  if (width(text) <= columns) return [line];
  const indent = hang > columns / 2 ? 0 : hang;
  const lines: Line[] = [];
  for (let at = 0; at < text.length;) {
    const isFirst = at === 0;
    const end = at + unitsFor(text.slice(at), columns - (isFirst ? 0 : indent));
    const pieces = between(line, at, text[end - 1] === " " ? end - 1 : end);
    lines.push(isFirst || indent === 0 ? pieces : [{ text: " ".repeat(indent) }, ...pieces]);
    at = end;
  }
  return lines;
}

/** How much of the text goes into one line, in UTF-16 units; at least one character. */
function unitsFor(text: string, columns: number): number {
  // Thousands of lines are folded at once, and nearly all of them are so.
  if (/^[ -~]*$/.test(text)) {
    if (text.length <= columns) return text.length;
    if (text[columns] === " ") return columns + 1;
    const blank = text.lastIndexOf(" ", columns - 1) + 1;
    return blank > columns / 2 ? blank : columns;
  }
  let units = 0;
  let broken = 0;
  let used = 0;
  for (const { segment } of graphemes().segment(text.slice(0, columns * PER_COLUMN_MAX))) {
    used += width(segment);
    if (used > columns && units > 0) {
      if (segment === " ") return units + 1;
      return broken > columns / 2 ? broken : units;
    }
    units += segment.length;
    if (segment === " ") broken = units;
  }
  return units;
}

const graphemes = once(() => new Intl.Segmenter());

/** The part of the line from one UTF-16 unit to another. */
function between(line: Line, from: number, to: number): Line {
  let at = 0;
  return line.flatMap((piece) => {
    const text = piece.text.slice(Math.max(0, from - at), Math.max(0, to - at));
    at += piece.text.length;
    return text === "" ? [] : [{ ...piece, text }];
  });
}

/** Words of one text in lines of so many columns each; one that is longer is cut. */
export function wrapped(parts: readonly string[], columns: number, between: string): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    const joined = last === undefined ? part : `${last}${between}${part}`;
    if (last !== undefined && width(joined) <= columns) lines[lines.length - 1] = joined;
    else lines.push(fit(part, columns));
  }
  return lines;
}

export function lineText(line: Line): string {
  return line.map(({ text }) => text).join("");
}

/** The line as a terminal gets it. */
export function painted(line: Line, colors: Colors): string {
  return line.map(({ text, style }) => style === undefined ? text : colors[style](text)).join("");
}
