import { RalphError } from "../error.ts";
import { parsePrd, type Prd } from "../task/prd.ts";

/** Reads the PRD as it is now. Throws `RalphError` naming file and reason when it cannot. */
export function readPrd(
  readFile: (path: string) => Uint8Array | undefined,
  path: string,
): Prd {
  const bytes = readFile(path);
  if (!bytes) {
    throw new RalphError("not_found", `cannot read the PRD ${path}: there is no such file`, [
      { text: "see whether git still has it", command: `git log --oneline -3 -- '${path}'` },
    ]);
  }
  return parsePrd({ path, bytes });
}
