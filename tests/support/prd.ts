import { openPrd, setPasses as set } from "../../src/task/prd.ts";
import type { PrdFile } from "../../src/task/source.ts";

/** The bytes of a PRD with one story's `passes` set. */
export function setPasses(
  file: PrdFile,
  { storyId, passes }: { storyId: string; passes: boolean },
): Uint8Array {
  return set(openPrd(file), new Map([[storyId, passes]]));
}
