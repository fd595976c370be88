/** What a folder of protected files has in it, in a file of its own. */
import * as path from "node:path";
import { readFileIfAny } from "../../src/host/files/read_file.ts";
import { sessionFolder } from "../../src/host/files/session_folder.ts";
import type { KeptIndex } from "../../src/verify/protected/kept_files.ts";

export function indexIn(folder: string): KeptIndex {
  const file = path.join(folder, "kept.json");
  return {
    path: file,
    read: () => readFileIfAny(file, 5_000_000),
    write: (bytes) => sessionFolder(folder).write("kept.json", bytes),
  };
}
