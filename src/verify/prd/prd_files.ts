/** What the keepers of a task's files do in its folders. Nothing is written or read through a link. */
import * as path from "node:path";
import { RalphError } from "../../error.ts";
import { replaceFile } from "../../host/files/atomic_write.ts";
import { plain } from "../../terminal/plain.ts";

/** The file system: `Deno`. */
export type PrdFiles = Pick<
  typeof Deno,
  "lstatSync" | "openSync" | "mkdirSync" | "renameSync" | "removeSync" | "chmodSync"
>;

/** Tells a folder from another one that takes its place; undefined where there is none. */
export function folderId(files: PrdFiles, folder: string): string | undefined {
  const info = lstat(files, folder);
  return info && `${info.dev}:${info.ino}`;
}

/** Nobody else's, so that it may be removed. */
const halfName = (prdPath: string, n: number) => `${prdPath}.ralph-half${n}`;

export function lstat(files: PrdFiles, place: string): Deno.FileInfo | undefined {
  try {
    return files.lstatSync(place);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}

export function readUpTo(files: PrdFiles, place: string, max: number): Uint8Array {
  using file = files.openSync(place, { read: true });
  const bytes = new Uint8Array(Math.min(max, file.statSync().size));
  let length = 0;
  while (length < bytes.length) {
    const count = file.readSync(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

/** The folders between the project root and the PRD, the outermost first. */
export function foldersAbove(prdPath: string, projectRoot: string): readonly string[] {
  const folders: string[] = [];
  let folder = path.dirname(prdPath);
  while (folder.startsWith(projectRoot + path.sep)) {
    folders.unshift(folder);
    folder = path.dirname(folder);
  }
  return folders;
}

export function makeFolders(files: PrdFiles, folders: readonly string[]): void {
  for (const folder of folders) {
    if (!lstat(files, folder)) files.mkdirSync(folder);
  }
}

/** What stands there is replaced and never written to. */
export function putFile(
  files: PrdFiles,
  { path, bytes, mode }: { path: string; bytes: Uint8Array; mode: number },
): void {
  const part = freeName(files, (n) => halfName(path, n));
  replaceFile(path, bytes, { files, part, mode, durable: true });
}

/** The first of the names, from 1, under which nothing is there. */
export function freeName(files: PrdFiles, nameOf: (n: number) => string): string {
  let n = 1;
  while (lstat(files, nameOf(n))) n++;
  return nameOf(n);
}

/**
 * Removes what a worker that was killed left unfinished beside a file. Call it while holding the
 * task's lock. Throws `RalphError` (`failed`) when the file system refuses.
 */
export function removeHalfWritten(files: PrdFiles, file: string): void {
  attempt(`remove what was left unfinished beside ${plain(file)}`, () => {
    for (let n = 1;; n++) {
      const half = halfName(file, n);
      const info = lstat(files, half);
      if (!info) return;
      if (info.isFile) files.removeSync(half);
    }
  });
}

export function quietly<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined; // whoever looks again says what is wrong
  }
}

/** Turns what the file system says into an error for users. */
export function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RalphError("failed", `cannot ${what}: ${plain(reason, 300)}`, [], { cause: error });
  }
}
