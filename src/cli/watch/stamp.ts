/** Whether a file has changed, as far as stat(2) tells. */
import { lstatSync, statSync } from "node:fs";

/** Of a file that is not there. */
export const GONE = "-";

/** Differs whenever one of the files is another one, or was written; follows links. */
export function stampOf(...paths: readonly string[]): string {
  return paths.map((path) => {
    try {
      const facts = lstatSync(path, { throwIfNoEntry: false });
      if (!facts) return GONE;
      const { ino, size, mtimeMs } = facts.isSymbolicLink() ? statSync(path) : facts;
      return `${ino}/${size}/${mtimeMs}`;
    } catch {
      return GONE;
    }
  }).join(" ");
}
