/** What the judge in `verify/` needs of this machine, in one piece. */
import * as path from "node:path";
import type { Clock } from "../clock.ts";
import { fileKey, type FileState, fileState, putBack, readRegularFile } from "./file_state.ts";
import { makePrivateFolder } from "./paths.ts";
import { copyWorkTree, removeTree } from "./scratch_tree.ts";
import { listWorkTree } from "./work_tree.ts";

export type JudgeTools = ReturnType<typeof judgeTools>;

/** The real file system and the real git. The clock says which time stamps can be trusted. */
export function judgeTools(clock: Clock) {
  return {
    listWorkTree,
    copyWorkTree,
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

/** Writes a file for its owner alone, whole or not at all, and makes the folders that it is in. */
function writeFile(file: string, bytes: Uint8Array): void {
  makePrivateFolder(path.dirname(file));
  const half = `${file}.${Deno.pid}`;
  Deno.writeFileSync(half, bytes, { mode: 0o600 });
  Deno.renameSync(half, file);
}
