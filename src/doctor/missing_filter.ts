/** What is told of a filter of git's that cannot run. Pure. */
import type { MissingFilter } from "../host/git/missing_filters.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";

/** The same as a warning. */
export function missingFilterWarning(filter: MissingFilter, root: string): string {
  const { found, matters, todo } = missingFilterWords(filter);
  return `${found}: ${matters}; ${todo}: \`${filterCommand(filter, root)}\``;
}

/** What of it, why that matters, and what to do: for that is `filterCommand`. */
export function missingFilterWords(
  { name, program, required }: MissingFilter,
): { found: string; matters: string; todo: string } {
  const filter = `the filter \`${plain(name, 80)}\` (gitattributes)`;
  if (program === undefined) {
    return {
      found: `${filter} is not set up here`,
      matters: "files that go through it are committed as they are",
      todo: name === LFS ? "set it up" : "see which files, and set it up",
    };
  }
  return {
    found: `${filter} runs \`${plain(program, 80)}\`, which is not here`,
    matters: required
      ? "no file that goes through it can be committed"
      : "files that go through it are committed as they are",
    todo: "install what this names",
  };
}

const LFS = "lfs";
const ATTRIBUTES = ":(glob)**/.gitattributes";

export function filterCommand(
  { name, program }: Pick<MissingFilter, "name" | "program">,
  root: string,
): string {
  const git = `git -C ${shellWord(root)}`;
  if (program !== undefined) {
    return `${git} config --get-regexp ${shellWord(`^filter\\.${plain(name, 80)}\\.`)}`;
  }
  if (name === LFS) return "git lfs install";
  return `${git} grep -n ${shellWord(`filter=${plain(name, 80)}`)} -- ${shellWord(ATTRIBUTES)}`;
}
