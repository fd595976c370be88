/** What `verify/` needs of a project's files, in one piece. */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { replaceFile } from "./atomic_write.ts";
import { fileKey, type FileState, fileState, putBack, readRegularFile } from "./file_state.ts";
import { makePrivateFolder } from "./paths.ts";
import { checkOutHead, type CleanStart, cleanStart, ignoredNow } from "../git/clean_checkout.ts";
import { amendInCopy } from "../git/scratch_commit.ts";
import { copyWorkTree, removeTree } from "../git/scratch_tree.ts";
import { filesBetween, type TreeState } from "../git/tree_state.ts";
import { listFiles } from "../git/work_tree.ts";

export type ProjectFiles = ReturnType<typeof projectFiles>;

/** The real file system and the real git. The clock says which time stamps can be trusted. */
export function projectFiles(clock: Clock) {
  return {
    listWorkTree: (root: string, signal?: AbortSignal) => listFiles(root, { clock, signal }),
    filesBetween: (
      root: string,
      between: { before: TreeState; after: TreeState; signal?: AbortSignal },
    ) => filesBetween(root, { clock, ...between }),
    copyWorkTree: (root: string, options: { target: string; signal?: AbortSignal }) =>
      copyWorkTree(root, { clock, ...options }),
    checkOutHead: (
      root: string,
      options: { target: string; start: CleanStart; signal?: AbortSignal },
    ) => checkOutHead(root, { clock, ...options }),
    amendInCopy: (root: string, order: { files: readonly string[]; signal?: AbortSignal }) =>
      amendInCopy(root, { clock, ...order }),
    ignoredNow: (root: string) => ignoredNow(root, { clock }),
    cleanStart: (root: string) => cleanStart(root, { clock }),
    removeTree,
    putBack,
    readFile: readRegularFile,
    writeFile,
    fileState: (file: string, known?: FileState) => fileState(file, { clock, known }),
    fileKey: (file: string) => {
      try {
        return fileKey(Deno.statSync(file), clock);
      } catch {
        return undefined;
      }
    },
  };
}

/** Writes a file for its owner alone, atomically, and makes the folders that it is in. */
function writeFile(file: string, bytes: Uint8Array): void {
  makePrivateFolder(path.dirname(file));
  replaceFile(file, bytes);
}
