/** Where paths really lead, once every link and `..` is followed. */
import * as path from "node:path";
import { textEndsIfAny } from "./read_file.ts";
import { systemTree } from "./system_tree.ts";

/**
 * The real path of `file` when that is in none of `folders`; undefined when it is in one, or when
 * nothing is there.
 */
export function leadsOutside(file: string, folders: readonly string[]): string | undefined {
  const real = systemTree.realPath(file);
  if (real === undefined) return undefined;
  const isIn = (folder: string) => {
    const within = path.relative(systemTree.realPath(folder) ?? folder, real);
    return within !== ".." && !within.startsWith("../");
  };
  return folders.some(isIn) ? undefined : real;
}

/**
 * The text of a file, of a very long one its two ends; undefined when there is none. An agent may put a
 * link there: what leads out of `folders` is not read, and the text says so.
 */
export function textInside(file: string, folders: readonly string[]): string | undefined {
  return leadsOutside(file, folders) === undefined
    ? textEndsIfAny(file)
    : "(This file leads out of the project, and is not read.)";
}
