/** The commands in a shell line, as far as they can be read without running it. */
import * as path from "node:path";

export interface Command {
  /** The folder that it runs in, from the project root on; absolute where it is said so. */
  readonly cwd: string;
  readonly words: readonly string[];
}

export const SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "dash", "zsh", "ksh", "ash"]);
/** Programs that run another one, and words of the shell that come before one. */
const WRAPPERS: ReadonlySet<string> = new Set(
  `! env time timeout nice command exec nohup npx bunx pnpx xvfb-run stdbuf unbuffer
  { if elif while until then else do`.split(/\s+/),
);
/** Space, comment, redirection (its target is a word of its own), end of a command, word. */
const TOKEN =
  /((?:[ \t\r]|\\\r?\n)+)|(#[^\n]*)|(\d*>[>|]?(?:&\d*-?)?|&>>?)|(\d*<+)|([\n;|&()`]|\$\()|((?:\\[^]|'[^']*'|"(?:\\[^]|[^"\\])*"|\$\{[^}]*\}|\$(?!\()|[^\s;|&()<>`'"\\$])+)|[^]/gy;

/**
 * The commands of a shell line, those in `$(…)` and `sh -c '…'` included. `cd` is followed where it
 * names a folder. What is written to (`> file`) is not a word of the command; what is read from is.
 */
export function commandsOfLine(line: string, cwd = ""): readonly Command[] {
  const commands: Command[] = [];
  let words: string[] = [];
  let folder = cwd;
  let isOutput = false;
  const finish = () => {
    if (words[0] === "cd" && words.length > 1) {
      folder = path.posix.isAbsolute(words[1]) ? words[1] : path.posix.join(folder, words[1]);
    } else commands.push(...commandsOfWords(words, folder));
    words = [];
    isOutput = false;
  };
  for (const [, space, comment, output, input, end, word] of line.matchAll(TOKEN)) {
    if (space !== undefined || comment !== undefined || input !== undefined) continue;
    if (output !== undefined) isOutput = !output.includes("&") || output.startsWith("&");
    else if (end !== undefined) finish();
    else if (word !== undefined) {
      for (const [, inner] of word.matchAll(/\$\(([^()]*)\)/g)) {
        commands.push(...commandsOfLine(inner, folder));
      }
      if (!isOutput) words.push(unquoted(word));
      isOutput = false;
    }
  }
  finish();
  return commands;
}

/** The command that these words are, and what a shell that they start is told to run. */
export function commandsOfWords(words: readonly string[], cwd = ""): readonly Command[] {
  if (words.length === 0) return [];
  const shell = words.findIndex((word) => SHELLS.has(path.posix.basename(word)));
  const flag = shell < 0 ? -1 : words.findIndex((word, i) => i > shell && /^-\w*c$/.test(word));
  const told = flag < 0 ? undefined : words[flag + 1];
  return [{ cwd, words }, ...(told === undefined ? [] : commandsOfLine(told, cwd))];
}

/** Where the program that does the work stands, after variables and programs that run another. */
export function programIndex(words: readonly string[]): number {
  let wrapped = false;
  const found = words.findIndex((word) => {
    if (/^\w+=/.test(word)) return false;
    if (WRAPPERS.has(path.posix.basename(word))) {
      wrapped = true;
      return false;
    }
    return !(wrapped && /^(-|\d+[smhd]?$)/.test(word));
  });
  return Math.max(found, 0);
}

function unquoted(word: string): string {
  return word.replaceAll(
    /\\([^])|'([^']*)'|"((?:\\[^]|[^"\\])*)"/g,
    (_, escaped, single, double) =>
      escaped ?? single ?? double?.replaceAll(/\\([$`"\\\n])/g, "$1") ?? "",
  );
}
