/** How the shells come to complete: one way for `ralph completions --help` and for the doctor. */
import * as path from "node:path";
import { shellWord } from "../terminal/shell_word.ts";

export const COMPLETING_SHELLS = ["bash", "zsh", "fish"] as const;
export type CompletingShell = typeof COMPLETING_SHELLS[number];

/** The file that a shell reads when it starts, or when it first completes `ralph`. */
export interface CompletionFile {
  readonly shell: CompletingShell;
  readonly file: string;
  /** What is in it. */
  readonly text: string | undefined;
}

/** The command, for each of these shells, after which a new one completes. */
export function completionSetup(
  { shell, file }: Pick<CompletionFile, "shell" | "file">,
  home: string,
): string {
  const script = `ralph completions ${shell}`;
  if (shell === "fish") {
    return `mkdir -p ${inHome(path.dirname(file), home)} && ${script} > ${inHome(file, home)}`;
  }
  // a line of its own, also behind one that does not end
  return `printf '\\n%s\\n' 'source <(${script})' >> ${inHome(file, home)}`;
}

/** Whether that command, or the like, has been given. */
export function isSetUp({ shell, text = "" }: CompletionFile): boolean {
  if (shell === "fish") return /^complete -c ralph /m.test(text);
  return text.split("\n").some((line) =>
    new RegExp(`^[^#]*\\bralph completions ${shell}\\b`).test(line)
  );
}

/** The path as a word of any of these shells, short where it is below the home folder. */
const inHome = (file: string, home: string) =>
  file.startsWith(`${home}/`) ? `~/${shellWord(file.slice(home.length + 1))}` : shellWord(file);
