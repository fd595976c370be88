import stringWidth from "fast-string-width";

/**
 * Rows as aligned columns, two spaces apart. The last column is not padded. Cells must be plain
 * text, but for colours, which take no room.
 */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, width(cell)));
  }
  return rows.map((row) =>
    row.map((cell, i) => i === row.length - 1 ? cell : cell + " ".repeat(widths[i] - width(cell)))
      .join("  ").trimEnd()
  );
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
