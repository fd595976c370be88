import * as path from "node:path";
import { readSessions } from "../../control/liveness.ts";
import { rootsOf } from "../../control/worktree/find.ts";
import { RalphError } from "../../error.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { isOpen } from "../../queue/decide.ts";
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
      return eachOnce(
        queued.filter(({ state }) => state !== "removed")
          .map((one) => ({ ...one, projectRoot: root ?? "", isOpen: isOpen(one) })),
        running,
      );
    },
    whenEmpty: [],
  });
  if (found.length > 0) return found;
  throw new RalphError("not_found", "nothing runs here, or was ever queued", [
    { text: "see the tasks of this project", command: "ralph tasks" },
  ]);
}

interface Place {
  projectRoot: string;
  taskDir: string;
}

/** Of a queue and of what runs: a task that works in a worktree has another folder there. Exported for its test. */
export function eachOnce(
  queued: readonly (Place & { isOpen: boolean })[],
  running: readonly Place[],
): readonly string[] {
  const idOf = ({ projectRoot, taskDir }: Place) => path.relative(projectRoot, taskDir);
  const open = new Set(queued.filter(({ isOpen }) => isOpen).map(idOf));
  const others = running.filter((one) => !open.has(idOf(one)));
  const runs = new Set(others.map(idOf));
  const ofQueue = queued.filter((one) => one.isOpen || !runs.has(idOf(one)));
  return [...new Set([...ofQueue, ...others].map(({ taskDir }) => taskDir))];
}
