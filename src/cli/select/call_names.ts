/** What tasks are called on the screen, and in a command: a name wherever that means one task only. */
import * as path from "node:path";
import { systemTree } from "../../host/files/system_tree.ts";
import { homeOf } from "../../control/worktree/find.ts";
import type { Session, Worktree } from "../../store/model.ts";
import { findProjectRoot, listTasks } from "../../task/find.ts";
import type { CommandContext } from "../command_context.ts";

type Known = Pick<Session, "taskName" | "taskDir" | "projectRoot">;

interface Called {
  /** For a table: the name, after that of its project where others have it too. */
  label: string;
  /** For a command: the name, or a path. */
  argument: string;
}

/** Of the tasks of these sessions, and with these worktrees: all that are on record. */
export function callNames(
  context: CommandContext,
  { sessions, trees }: { sessions: readonly Known[]; trees: readonly Worktree[] },
): (session: Known) => Called {
  const root = findProjectRoot(context.cwd(), systemTree);
  const here = root === undefined ? [] : listTasks(root, systemTree);
  const folders = new Map<string, Set<string>>();
  const add = (name: string, dir: string) =>
    folders.set(name, (folders.get(name) ?? new Set()).add(dir));
  const home = (dir: string, projectRoot: string) => homeOf({ dir, projectRoot }, trees);
  for (const { taskName, taskDir, projectRoot } of sessions) {
    add(taskName, home(taskDir, projectRoot));
  }
  for (const { name, dir, projectRoot } of here) add(name, home(dir, projectRoot));

  return ({ taskName, taskDir, projectRoot }) => {
    const alike = here.filter(({ name }) => name === taskName);
    const label = folders.get(taskName)?.size === 1
      ? taskName
      : `${path.basename(projectRoot)}: ${taskName}`;
    // In this project its own tasks come first.
    const isOwn = alike.length === 1 &&
      home(alike[0].dir, alike[0].projectRoot) === home(taskDir, projectRoot);
    const argument = isOwn || folders.get(taskName)?.size === 1 ? taskName : taskDir;
    return { label, argument };
  };
}
