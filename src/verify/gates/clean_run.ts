/** The run of all gates in what is delivered: a clean checkout of what is committed. */
import * as path from "node:path";
import { RalphError } from "../../error.ts";
import type { CleanStart, Ignored } from "../../host/git/clean_checkout.ts";
import type { ProjectFiles } from "../../host/files/project_files.ts";
import {
  changedProtectedFiles,
  type ProtectedFiles,
  putBackInto,
} from "../protected/protected_files.ts";
import { bothResults } from "./both_results.ts";
import type { GateResult } from "./gates.ts";

export type CleanRun =
  /** `lacking`: what git ignores and was not there when the session began. */
  | { results: readonly GateResult[]; lacking: readonly string[] }
  /** Why there is no such checkout, in words. */
  | { why: string };

interface CleanOrder {
  protectedFiles: ProtectedFiles;
  /** What a checkout has beside what is committed: as it was when the session began. */
  start: () => CleanStart;
  tools: ProjectFiles;
  signal: AbortSignal;
}

/**
 * Runs the gates as the work is delivered, and, where protected files were changed, once more with those
 * as they were: a gate passes that passes each time. Undefined when aborted.
 */
export async function runClean(
  { protectedFiles, start: kept, tools, signal }: CleanOrder,
  run: (cwd: string) => Promise<readonly GateResult[] | undefined>,
): Promise<CleanRun | undefined> {
  const { root, folder } = protectedFiles;
  const scratch = path.join(folder, "clean");
  const target = path.join(scratch, path.basename(root));
  const changed = new Set(changedProtectedFiles(protectedFiles, tools).map(({ path }) => path));
  await tools.removeTree(scratch);
  try {
    const start = kept();
    await tools.checkOutHead(root, { target, start, signal });
    const putBack = (wanted: (file: string) => boolean) =>
      putBackInto(target, { protectedFiles, tools, signal, wanted });
    // A check that a person never committed checks all the same.
    await putBack((file) => !changed.has(file));
    const delivered = await run(target);
    if (!delivered) return undefined;
    if (changed.size > 0) await putBack(() => true);
    const restored = changed.size > 0 ? await run(target) : delivered;
    if (!restored) return undefined;
    const results = restored === delivered ? delivered : bothResults(delivered, restored);
    const lacking = lackingIn(start.ignored, await tools.ignoredNow(root));
    return { results, lacking };
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!(error instanceof RalphError)) throw error;
    return {
      why: `what is committed cannot be checked out to run the gates in: ${error.message} ` +
        '(`"finish": "tree"` in ralph.json runs them in the work tree alone)',
    };
  } finally {
    try {
      await tools.removeTree(scratch);
    } catch {
      // something that a gate left running writes there still: the next run removes it
    }
  }
}

/** What is ignored now, and was not there before. */
function lackingIn(before: Ignored, now: Ignored): readonly string[] {
  const known = new Map(before);
  return now.flatMap(([name, inside]) => {
    const insideBefore = known.get(name);
    if (insideBefore === undefined) return [name];
    if (insideBefore === null || inside === null) return [];
    return inside.filter((one) => !insideBefore.includes(one)).map((one) => `${name}${one}`);
  });
}
