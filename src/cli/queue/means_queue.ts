/** Whether `ralph run` is about a queue. The start path loads it. */
import { readAsIs } from "../../control/liveness.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { queueIsWorked } from "../../queue/start_queue.ts";
import type { Queue } from "../../store/model.ts";
import { findProjectRoot } from "../../task/find.ts";
import type { CommandContext } from "../command_context.ts";
import { chooseQueued } from "../select/queued.ts";

interface Asked {
  all: boolean;
  failFast: boolean;
  /** How many at once, where that is said. */
  parallel?: number;
  say?: string;
  only?: string;
  accept: boolean;
  printPrompt: boolean;
  resume: boolean;
}

/**
 * True for several tasks, for one that is in its project's queue or is to run beside others, and without
 * a task where what is queued is worked on by nobody. Throws `RalphError` (`usage`) for options that do not go together.
 */
export function meansQueue(
  context: CommandContext,
  names: readonly string[],
  { all, failFast, parallel, say, only, accept, printPrompt, resume }: Asked,
): boolean {
  if (all && names.length > 0) {
    throw new RalphError("usage", "`--all` is for every task: no task is named beside it");
  }
  const single = Object.entries({ "--say": say, "--only": only, "--accept": accept })
    .concat([["--print-prompt", printPrompt], ["resume", resume]])
    .filter(([, value]) => value !== undefined && value !== false).map(([name]) => name);
  const several = all || names.length > 1 || parallel !== undefined;
  if (several && single.length > 0) {
    const are = single.length > 1 ? "are" : "is";
    throw new RalphError("usage", `${single.join(", ")} ${are} for one task alone`);
  }
  if (names.length === 0 && !all && parallel !== undefined && !openQueue(context)) {
    throw new RalphError("usage", "`--parallel` is for several tasks, and nothing is queued here", [
      { text: "name them, or take all", command: "ralph run --all --parallel 2" },
    ]);
  }
  if (several) return true;
  const isQueued = single.length === 0 && waits(context, names.at(0));
  if (failFast && !isQueued) {
    throw new RalphError("usage", "`--fail-fast` is for several tasks", [
      { text: "name them, or take all", command: "ralph run --all --fail-fast" },
    ]);
  }
  return isQueued;
}

function waits(context: CommandContext, name: string | undefined): boolean {
  if (name !== undefined) return chooseQueued(context, name) !== undefined;
  const queue = openQueue(context);
  return queue !== undefined && !queueIsWorked(context, queue.projectRoot);
}

/** Of this project. */
function openQueue(context: CommandContext): Queue | undefined {
  const root = findProjectRoot(context.cwd(), systemTree);
  const queue = root && readAsIs(context, (store) => store.lastQueue(root));
  return queue && queue.endedAt === null ? queue : undefined;
}
