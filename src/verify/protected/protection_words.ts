/** What a person is told of the protected files. Values in, words out. */
import { plain } from "../../terminal/plain.ts";
import { type Protection, SETTINGS_FILE } from "./find_protected.ts";

/** Of each kind. */
const NAMES_MAX = 6;
const NAME_MAX = 80;

/** Which files are protected, which only look so, and how to change that; empty where that is none. */
export function protectionLines({ files, work, protect }: Protection): readonly string[] {
  const own = files.filter(({ path }) => path !== SETTINGS_FILE);
  if (own.length === 0 && work.length === 0 && protect.length === 0) return [];
  const names = files.map(({ path, entries }) => {
    const file = shown(path);
    return entries === undefined ? file : `${entries.map(shown).join(" and ")} in ${file}`;
  });
  const guessed = own.filter(({ path }) => !protect.includes(path));
  const mine = guessed.find(({ entries }) => entries === undefined) ?? guessed.at(0);
  const example = [...work.slice(0, 1), ...mine ? [`!${mine.path}`] : []];
  const globs = [...protect, ...example.map(literally)].map((glob) => JSON.stringify(plain(glob)));
  return [
    names.length === 0
      ? "no file is protected"
      : `protected, so gates must pass with them as they are now: ${some(names)}`,
    ...work.length > 0
      ? [`not protected, gates only run or read it: ${some(work.map(shown))}`]
      : [],
    ...example.length > 0
      ? [`to change that, in ${SETTINGS_FILE}: "protect": [${globs.join(", ")}]`]
      : [],
  ];
}

function some(names: readonly string[]): string {
  const more = names.length - NAMES_MAX;
  return names.slice(0, NAMES_MAX).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

const shown = (name: string) => `\`${plain(name, NAME_MAX)}\``;

/** A path as a glob that means this file. */
const literally = (path: string) => path.replaceAll(/[*?[\]{}()|\\]/g, "\\$&");
