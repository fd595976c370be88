/** Whether a session could write what it has to in a project: one judgement, for the doctor and for every run. */
import * as path from "node:path";
import type { Unwritable } from "../host/files/unwritable.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import type { Remedy } from "./check.ts";

const SHOWN_MAX = 200;

/**
 * What is wrong with the first of them, as the end of a sentence. Undefined when there are none.
 * `uid`: of who runs this.
 */
export function writableFault(
  places: readonly Unwritable[],
  { root, uid }: { root: string; uid: number },
): { found: string; remedy: readonly [Remedy, ...Remedy[]] } | undefined {
  const [first] = places;
  if (!first) return undefined;
  const owner = first.uid === uid ? "you" : first.uid === 0 ? "root" : `user ${first.uid}`;
  const more = places.length > 1 ? `, nor ${places.length - 1} more in the project` : "";
  const found = `you may not write to ${
    plain(first.path, SHOWN_MAX)
  }, which belongs to ${owner}${more}`;
  const foreign = places.filter((place) => place.uid !== uid);
  if (foreign.length === 0) {
    const all = topmost(places).map(shellWord).join(" ");
    return {
      found,
      remedy: [
        { text: "let yourself write there", command: `chmod -R u+w ${all}` },
        {
          text: "or see whether the file system can be written at all",
          command: `findmnt -T ${shellWord(first.path)}`,
        },
      ],
    };
  }
  const all = topmost(foreign).map(shellWord).join(" ");
  const chown = { text: "make them yours", command: `sudo chown -R ${uid} ${all}` };
  if (!places.some((place) => place.path === root)) return { found, remedy: [chown] };
  const copy = `git clone ${shellWord(root)} ~/${shellWord(path.basename(root))}`;
  return {
    found,
    remedy: [{ text: "work on a copy of your own", command: copy }, {
      ...chown,
      text: "or, where nobody else works there, make it yours",
    }],
  };
}

/** Without those that are in another one of them. */
function topmost(places: readonly Unwritable[]): readonly string[] {
  const paths = places.map((place) => place.path);
  return paths.filter((one) => !paths.some((other) => one.startsWith(`${other}/`)));
}
