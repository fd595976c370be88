/** A block of lines at the bottom of a terminal that is drawn again and again. */

const CLEAR_BELOW = "\x1b[J";
const UP = "\x1b[1A";
/** Terminals that know it show the whole update at once (DEC private mode 2026). */
const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";

/**
 * The text to write in order to put `above` over the block for good, and to replace a block that
 * takes `drawn` rows by `block`. No line of `block` may be wider than the terminal.
 */
export function redraw(
  { drawn, above, block }: { drawn: number; above: readonly string[]; block: readonly string[] },
): string {
  const erase = "\r" + UP.repeat(Math.max(0, drawn - 1)) + CLEAR_BELOW;
  const lines = above.map((line) => line + "\n").join("");
  return BEGIN + (drawn > 0 ? erase : "") + lines + block.join("\n") + END;
}
