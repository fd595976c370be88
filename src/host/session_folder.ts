/** What a worker must remember beside the database, so that the next one can go on: whole files. */
import * as path from "node:path";
import { readFileIfAny } from "./files.ts";
import { makePrivateFolder } from "./paths.ts";

export interface SessionFolder {
  readonly path: string;
  /** Undefined when it was never written. */
  read(name: string): Uint8Array | undefined;
  /** Whole or not at all, whatever happens meanwhile. */
  write(name: string, bytes: Uint8Array): void;
  /** Removes all that is in it. */
  clear(): void;
}

/** A private folder, made when it is missing. Throws `RalphError` (`state`) when it cannot be. */
export function sessionFolder(folder: string): SessionFolder {
  makePrivateFolder(folder);
  return {
    path: folder,
    read: (name) => readFileIfAny(path.join(folder, name)),
    write(name, bytes) {
      makePrivateFolder(folder); // an agent may have removed it
      const half = path.join(folder, `${name}.part`);
      writeDurably(half, bytes);
      Deno.renameSync(half, path.join(folder, name));
    },
    clear() {
      makePrivateFolder(folder);
      for (const { name } of [...Deno.readDirSync(folder)]) {
        Deno.removeSync(path.join(folder, name), { recursive: true });
      }
    },
  };
}

/** On the disk before its name is: a rename may outlive a power cut that the content does not. */
function writeDurably(file: string, bytes: Uint8Array): void {
  using open = Deno.openSync(file, { write: true, create: true, truncate: true, mode: 0o600 });
  for (let written = 0; written < bytes.length;) {
    written += open.writeSync(bytes.subarray(written));
  }
  open.syncDataSync();
}
