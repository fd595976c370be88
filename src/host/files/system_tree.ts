import type { Tree } from "../../task/places.ts";
import { readWhole } from "./read_file.ts";

/**
 * The real file system. What cannot be read, for whatever reason, is not there: `findTask` then
 * says which file it misses.
 */
export const systemTree: Tree = {
  realPath: (path) => attempt(() => Deno.realPathSync(path)),
  kind: (path) =>
    attempt(() => {
      const { isFile, isDirectory } = Deno.statSync(path);
      return isFile ? "file" : isDirectory ? "directory" : undefined;
    }),
  list: (path) => attempt(() => Array.from(Deno.readDirSync(path), ({ name }) => name)) ?? [],
  read: (path, maxBytes) => attempt(() => readWhole(path, maxBytes)),
};

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
