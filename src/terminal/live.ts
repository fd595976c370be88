/** A block of lines at the bottom of a terminal that is drawn again and again. */

const CLEAR_LINE = "\x1b[2K";
const UP = "\x1b[1A";
/** Terminals that know it show the whole update at once (DEC private mode 2026). */
const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";

/**
 * The text to write in order to put `above` over the block for good, and to replace a block of
 * `drawn` lines by `block`. No line may be wider than the terminal.
 */
export function redraw(
  { drawn, above, block }: { drawn: number; above: readonly string[]; block: readonly string[] },
): string {
  const erase = "\r" + CLEAR_LINE + (UP + CLEAR_LINE).repeat(Math.max(0, drawn - 1));
  const lines = above.map((line) => line + "\n").join("");
  return BEGIN + (drawn > 0 ? erase : "") + lines + block.join("\n") + END;
}
