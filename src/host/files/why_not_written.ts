/** What to look at where something could not be written or made. */
import * as path from "node:path";
import type { Hint } from "../../error.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { fileExists } from "./read_file.ts";

/** The folder above `place` that is there: the nearest one. */
export function nearestFolder(place: string): string {
  let folder = path.dirname(place);
  while (!fileExists(folder) && folder !== path.dirname(folder)) folder = path.dirname(folder);
  return folder;
}

/** The hint for it; `error`: what the file system said. */
export function whyNotWritten(place: string, error: unknown): Hint {
  const folder = shellWord(nearestFolder(place));
  // ENOSPC and EDQUOT (errno(3)), as Deno tells them
  return /No space left|quota exceeded/i.test(error instanceof Error ? error.message : "")
    ? { text: "see how much room there is", command: `df -h ${folder}` }
    : { text: "see who may write there", command: `ls -ld ${folder}` };
}
