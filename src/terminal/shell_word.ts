import { plain } from "./plain.ts";

/** The text as one word of a command that can be pasted into a POSIX shell. */
export function shellWord(text: string): string {
  if (/^[A-Za-z0-9_./:@%+,=-]+$/.test(text)) return text;
  return `'${plain(text).replaceAll("'", `'\\''`)}'`;
}

/** Groups, `set -a`, `read -s` and `$(…)`: fish has other words for them, or none. */
const POSIX_ALONE = /(?:^|\s)[({](?:\s|\w)|\bset -a\b|\bread -rs\b|\$\(/;

/** A command for a POSIX shell as the user's own shell runs it; `shell`: its name. */
export function forShell(command: string, shell: string | undefined): string {
  if (shell !== "fish") return command;
  const [, variable] = /^unset (\w+)$/.exec(command) ?? [];
  if (variable !== undefined) return `set -e ${variable}`;
  if (!POSIX_ALONE.test(command)) return command;
  // Between single quotes, a backslash before another one means something in fish (fish-doc, Quotes).
  return `bash -c ${shellWord(command.replaceAll("\\", "\\\\"))}`;
}

/** The hint for a file or folder that is not what it should be. */
export function seeWhatItIs(path: string): { text: string; command: string } {
  return { text: "see what it is", command: `ls -ld ${shellWord(path)}` };
}
