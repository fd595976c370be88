/** Whether a shell script is a check for what it does, whatever it is called. Pure. */
import * as path from "node:path";
import { CHECKERS, isCheckWord } from "./check_names.ts";
import { commandsOfLine, programIndex, SHELLS } from "./shell_words.ts";

const SHEBANG = /^#!.*\b(ba|da|z|k|a)?sh\b/;
const HERE_DOCUMENT = /<<-?\s*(['"]?)(\w+)\1([^\n]*)\n[^]*?\n[ \t]*\2[ \t]*$/gm;
/** What these are followed by is no command. */
const NOT_RUN: ReadonlySet<string> = new Set(
  `test [ [[ echo printf cat grep egrep sed awk find ls rm mkdir cp mv touch chmod cd case for select
  function local export readonly return exit trap set unset shift read alias type which`
    .split(/\s+/),
);
/** In words: `uv run python -m pytest`. */
const SAID_MAX = 5;
/** A script that is longer is a program. In characters. */
const TEXT_MAX = 100_000;

/** `program`: what a gate runs the file with, or the file itself. */
export function isCheckScript(
  program: string,
  { file, text }: { file: string; text: () => string | undefined },
): boolean {
  const script = text()?.slice(0, TEXT_MAX) ?? "";
  if (!SHELLS.has(program) && !/\.(sh|bash)$/.test(file) && !SHEBANG.test(script)) return false;
  return commandsOfLine(script.replaceAll(HERE_DOCUMENT, "$3")).some(({ words }) => {
    const [name = "", ...said] = words.slice(programIndex(words)).slice(0, SAID_MAX);
    if (NOT_RUN.has(name)) return false;
    // a function may be called `check`
    const isCheck = CHECKERS.has(path.posix.basename(name)) ||
      (name.includes("/") && isCheckWord(name));
    return isCheck || said.some((word) =>
      (!word.startsWith("-") || word === "--test") &&
      isCheckWord(word)
    );
  });
}
