/** Lines of a screen: pieces of text, each in a style, which take up a known room. */
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
