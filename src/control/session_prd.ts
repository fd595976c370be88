/** The PRD of a session's task, as it is now. */
import * as path from "node:path";
import type { Context } from "../app/context.ts";
import { pathsOf } from "../app/store.ts";
import { RalphError } from "../error.ts";
import { readFileIfAny } from "../host/files/read_file.ts";
import { systemTree } from "../host/files/system_tree.ts";
import type { Session } from "../store/model.ts";
import { findTask } from "../task/find.ts";
import { parsePrd, type Prd } from "../task/prd.ts";
import { PRD_BYTES_MAX, readPrd } from "../task/prd_file.ts";
import { keyOf } from "./liveness.ts";

/** Its name in the folder of what a worker keeps. */
export const KEPT_PRD = "prd";

/** Undefined where the task has none, or it cannot be read. */
export function prdOf(session: Pick<Session, "taskDir" | "projectRoot">): Prd | undefined {
  const file = prdPathOf(session);
  return file === undefined ? undefined : unlessUnreadable(() => readPrd(readFileIfAny, file));
}

/** The same of its path. */
function prdPathOf(
  { taskDir, projectRoot }: Pick<Session, "taskDir" | "projectRoot">,
): string | undefined {
  return unlessUnreadable(() =>
    findTask(taskDir, { cwd: taskDir, tree: systemTree, projectRoot }).prdPath
  );
}

function unlessUnreadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RalphError) return undefined;
    throw error;
  }
}

export interface StoryCount {
  /** Those that pass, as far as that was judged. */
  passing: number;
  total: number;
  /** Those that the turn at work has marked as done: nobody has judged that yet. */
  claimed: number;
}

/** `before`: the PRD as it was before a turn that is at work. */
export function storyCount(prd: Prd | undefined, before?: Prd): StoryCount | undefined {
  if (!prd) return undefined;
  const { stories } = prd;
  const wasOpen = new Set(
    before?.stories.filter(({ passes }) => !passes).map(({ id }) => id),
  );
  const passing = stories.filter(({ passes }) => passes);
  const claimed = passing.filter(({ id }) => wasOpen.has(id)).length;
  return { passing: passing.length - claimed, total: stories.length, claimed };
}

/** The copy that the session's worker keeps of the PRD before each turn; undefined without one. */
export function prdBeforeTurn(context: Context, session: Session): Prd | undefined {
  const copy = path.join(pathsOf(context).kept, keyOf(session), KEPT_PRD);
  const file = prdPathOf(session);
  return unlessUnreadable(() => {
    const bytes = readFileIfAny(copy, PRD_BYTES_MAX);
    return bytes && file !== undefined ? parsePrd({ path: file, bytes }) : undefined;
  });
}
