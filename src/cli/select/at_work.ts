import { readSessions } from "../../control/liveness.ts";
import { rootsOf } from "../../control/worktree/find.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { findProjectRoot } from "../../task/find.ts";
import type { CommandContext } from "../command_context.ts";

/**
 * The folders of the tasks of this project that its last queue has, or that run. Throws `RalphError`
 * (`not_found`) where there is none.
 */
export function tasksAtWork(context: CommandContext): readonly string[] {
  const root = findProjectRoot(context.cwd(), systemTree);
  const found = readSessions<readonly string[]>(context, {
    read(store) {
      const roots = rootsOf(root, store.worktrees());
      const queued = root === undefined ? [] : store.lastQueue(root)?.tasks ?? [];
      const running = store.running().filter(({ projectRoot }) => roots.includes(projectRoot));
      return [...queued.filter(({ state }) => state !== "removed"), ...running]
        .map(({ taskDir }) => taskDir);
    },
    whenEmpty: [],
  });
  if (found.length > 0) return [...new Set(found)];
  throw new RalphError("not_found", "nothing runs here, or was ever queued", [
    { text: "see the tasks of this project", command: "ralph tasks" },
  ]);
}
