import { plain } from "./plain.ts";

/** The text as one word of a command that can be pasted into a POSIX shell. */
export function shellWord(text: string): string {
  if (/^[A-Za-z0-9_./:@%+,=-]+$/.test(text)) return text;
  return `'${plain(text).replaceAll("'", `'\\''`)}'`;
}
