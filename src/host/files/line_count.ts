/** How long files of a project are: where a reviewer says that it saw something, it can be looked. */
import * as path from "node:path";
import { leadsOutside } from "./outside.ts";
import { readFileIfAny } from "./read_file.ts";

/** Nobody cites a line of a larger one. */
const BYTES_MAX = 16 * 1024 ** 2;
const NEWLINE = 10;

/** The lines of a file, by its path from `root`; undefined where there is no such file below it. */
export function linesInside(root: string, file: string): number | undefined {
  const whole = path.resolve(root, file);
  if (path.relative(root, whole).split("/")[0] === ".git") return undefined;
  if (leadsOutside(whole, [root]) !== undefined) return undefined;
  let bytes: Uint8Array | undefined;
  try {
    bytes = readFileIfAny(whole, BYTES_MAX);
  } catch {
    return undefined; // a folder, or one that cannot be read
  }
  if (!bytes) return undefined;
  const ends = bytes.reduce((count, byte) => byte === NEWLINE ? count + 1 : count, 0);
  return bytes.length > 0 && bytes.at(-1) !== NEWLINE ? ends + 1 : ends;
}
