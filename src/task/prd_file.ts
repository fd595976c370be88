import { RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { parsePrd, type Prd } from "./prd.ts";

/** In bytes. Far above any PRD, and small enough to be compared at once. */
export const PRD_BYTES_MAX = 8 * 1024 * 1024;

/** Reads the PRD as it is now. Throws `RalphError` naming file and reason when it cannot. */
export function readPrd(
  readFile: (path: string, maxBytes: number) => Uint8Array | undefined,
  path: string,
): Prd {
  const bytes = readFile(path, PRD_BYTES_MAX);
  if (!bytes) {
    throw new RalphError("not_found", `cannot read the PRD ${plain(path)}: there is no such file`, [
      {
        text: "see whether git still has it",
        command: `git log --oneline -3 -- ${shellWord(path)}`,
      },
    ]);
  }
  return parsePrd({ path, bytes });
}
