/** What a terminal is sent so that it shows the next screen in place of the one before. */
import { width } from "../../terminal/table.ts";

/** Terminals that know it show the whole update at once (DEC private mode 2026); others ignore it. */
const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";
const CLEAR_REST = "\x1b[K";

/** Sends what differs from what it has sent before. */
export function createPainter(write: (text: string) => void) {
  let shown: readonly string[] | undefined;
  return {
    /** Nothing is known any more of what the terminal shows. */
    forget: () => void (shown = undefined),
    /** Lines of at most so many columns, one for each row of the terminal. */
    show(lines: readonly string[], columns: number): void {
      const known = shown?.length === lines.length ? shown : undefined;
      const text = repaint(known, lines, columns);
      if (text !== "") write(text);
      shown = lines;
    },
  };
}

/**
 * The lines that differ, each put where it belongs; nothing when none does. `before`: as they were
 * painted last, undefined when nothing is known of what the terminal shows. `columns`: of the terminal.
 */
function repaint(
  before: readonly string[] | undefined,
  after: readonly string[],
  columns: number,
): string {
  // Behind a full line the cursor is still on its last character, which would be cleared.
  const whole = (line: string) => width(line) < columns ? line + CLEAR_REST : line;
  const changed = after.flatMap((line, i) =>
    line === before?.[i] ? [] : [`\x1b[${i + 1};1H${whole(line)}`]
  );
  if (changed.length === 0) return "";
  return `${BEGIN}${before === undefined ? "\x1b[2J" : ""}${changed.join("")}${END}`;
}
