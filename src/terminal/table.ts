import stringWidth from "fast-string-width";

/** A last column that is narrower than this is hard to read: it goes below. */
const LAST_MIN = 24;
/** Of what goes below. */
const BELOW = "      ";

/**
 * Rows as aligned columns, two spaces apart, of at most so many `columns`: the last cell goes on in
 * further lines, and cells for which there is no room stand below their row. Cells must be plain text,
 * but for colours, which take no room.
 */
export function table(rows: readonly (readonly string[])[], columns = Infinity): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, width(cell)));
  }
  const last = widths.length - 1;
  /** Where a column begins. */
  const at = (column: number) => widths.slice(0, column).reduce((sum, one) => sum + one + 2, 0);
  const fits = at(last) + Math.min(widths[last] ?? 0, LAST_MIN) <= columns;
  const beside = fits ? last : widths.findLastIndex((_, i) => i > 0 && at(i) - 2 <= columns);
  return rows.flatMap((row) => {
    const padded = row.map((cell, i) => cell + " ".repeat(widths[i] - width(cell)));
    const head = padded.slice(0, beside).join("  ");
    if (fits) return hanging(head && `${head}  `, row.slice(beside).join("  "), columns);
    const below = row.slice(Math.max(beside, 1)).join("  ").trim();
    return [head.trimEnd(), ...below === "" ? [] : hanging(BELOW, below, columns)];
  });
}

/** The text behind `head`, going on in further lines that begin below its first letter. */
export function hanging(head: string, text: string, columns: number): string[] {
  const room = columns - width(head);
  if (room < LAST_MIN && head.trim() !== "" && width(text) > room) {
    return [head.trimEnd(), ...hanging(BELOW, text, columns)];
  }
  return wrap(text, room).map((line, i) =>
    ((i === 0 ? head : " ".repeat(width(head))) + line).trimEnd()
  );
}

/** A line that is too long goes on under its own beginning. */
export function underItself(text: string, columns: number): string[] {
  if (width(text) <= columns) return [text];
  const [indent] = text.match(/^ */) ?? [""];
  return wrap(text, columns - indent.length).map((line) => indent + line);
}

/**
 * The text in lines of so many columns, broken at blanks. What can be pasted stays whole: a command in
 * backticks, and a word that is wider than the line, unless it is of a script that has no blanks.
 */
export function wrap(text: string, columns: number): string[] {
  if (width(text) <= columns) return [text];
  const lines: string[] = [];
  let line = "";
  for (const [word] of text.matchAll(/(?:`[^`]*`|[^\s`]|`)+/g)) {
    if (width(word) > columns && WITHOUT_BLANKS.test(word) && !/[`/]/.test(word)) {
      const [first, ...rest] = cutEverywhere(line === "" ? word : `${line} ${word}`, columns);
      lines.push(first, ...rest.slice(0, -1));
      line = rest.at(-1) ?? "";
      continue;
    }
    if (line !== "" && width(line) + 1 + width(word) > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Chinese and Japanese are broken between any two characters; so is Thai, between words. */
const WITHOUT_BLANKS = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]/u;

/** At any character, for a text that is wider than the line. */
function cutEverywhere(text: string, columns: number): string[] {
  const lines = [""];
  for (const character of text) {
    if (width(lines[lines.length - 1] + character) > columns) lines.push(character);
    else lines[lines.length - 1] += character;
  }
  return lines;
}

export interface Column<Row> {
  title: string;
  /** As plain text. */
  cell: (row: Row) => string;
  /** Colours the text once it is cut. */
  paint?: (text: string, row: Row) => string;
  /** It may be cut to so many columns. */
  min?: number;
}

/**
 * The rows under a header, in the first of these layouts that fits so many columns, or else in the
 * last. What of the width is left goes to the columns that were cut, the first one first.
 */
export function fittedTable<Row>(
  rows: readonly Row[],
  layouts: readonly (readonly Column<Row>[])[],
  { columns, paintTitle }: { columns: number; paintTitle: (title: string) => string },
): string[] {
  const natural = ({ title, cell }: Column<Row>) =>
    Math.max(width(title), ...rows.map((row) => width(cell(row))));
  const least = (column: Column<Row>) => Math.min(natural(column), column.min ?? Infinity);
  const needed = (layout: readonly Column<Row>[]) =>
    layout.reduce((sum, column) => sum + least(column) + 2, -2);
  const layout = layouts.find((one) => needed(one) <= columns) ?? layouts[layouts.length - 1];
  let left = Math.max(0, columns - needed(layout));
  const widths = layout.map((column) => {
    const more = Math.min(natural(column) - least(column), left);
    left -= more;
    return least(column) + more;
  });
  return table([
    layout.map(({ title }, i) => paintTitle(fit(title, widths[i]))),
    ...rows.map((row) =>
      layout.map(({ cell, paint = (text) => text }, i) => paint(fit(cell(row), widths[i]), row))
    ),
  ]);
}

/** Columns that the text takes in a terminal. */
export function width(text: string): number {
  return /^[ -~]*$/.test(text) ? text.length : stringWidth(text);
}

/** The text cut to so many columns, with `…` where something was left out. Without colours. */
export function fit(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let cut = "";
  for (const character of text) {
    if (width(cut + character) > columns - 1) break;
    cut += character;
  }
  return columns > 0 ? cut + "…" : "";
}
