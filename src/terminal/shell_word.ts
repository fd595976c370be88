import { plain } from "./plain.ts";

/** The text as one word of a command that can be pasted into a POSIX shell. */
export function shellWord(text: string): string {
  if (/^[A-Za-z0-9_./:@%+,=-]+$/.test(text)) return text;
  return `'${plain(text).replaceAll("'", `'\\''`)}'`;
}

/** The hint for a file or folder that is not what it should be. */
export function seeWhatItIs(path: string): { text: string; command: string } {
  return { text: "see what it is", command: `ls -ld ${shellWord(path)}` };
}
