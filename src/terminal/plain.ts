/** Control characters, and those that show nothing or change how their neighbours are shown. */
export const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** One thing to show: an emoji with its invisible joiners, which stay as they are, or a character. */
const PIECE =
  /(?:\p{Extended_Pictographic}[\ufe0f\u{1f3fb}-\u{1f3ff}]?\u200d)*\p{Extended_Pictographic}\ufe0f?|[0-9#*]\ufe0f\u20e3|./gsu;

/**
 * Foreign text as one line that is safe to print. Control characters (line ends and tabs too) become
 * visible escapes such as `\n` and `\x1b`; bidirectional controls, zero-width and other invisible
 * characters become `\u202e`. A backslash stays, so the result is for eyes, not for decoding.
 * `maxLength` is in UTF-16 units and counts the `…` that stands for what was cut.
 */
export function plain(text: string, maxLength = Infinity): string {
  // Nearly all text is such, and the first use of the larger expressions costs 1 ms.
  if (text.length <= maxLength && /^[ -~]*$/.test(text)) return text;
  if (text.length <= maxLength && !UNSEEN.test(text)) return text;
  let shown = "";
  /** As much of `shown` as leaves room for the `…`. */
  let kept = "";
  for (const [piece] of text.matchAll(PIECE)) {
    const isCharacter = [...piece].length === 1;
    shown += isCharacter && UNSEEN.test(piece) ? visible(piece) : piece;
    if (shown.length > maxLength) return maxLength > 0 ? `${kept}…` : "";
    if (shown.length < maxLength) kept = shown;
  }
  return shown;
}

function visible(character: string): string {
  const named = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
  if (named) return named;
  const hex = character.codePointAt(0)?.toString(16) ?? "";
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`;
}
