/** Tasks of other projects: what spends or changes is not done there by a name alone. */
import type { Context } from "../../app/context.ts";
import { recordedWorktrees } from "../../control/worktree/find.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import type { Worktree } from "../../store/model.ts";
import { AmbiguousTask } from "../../task/ambiguous_task.ts";
import { findProjectRoot, findTask } from "../../task/find.ts";
import { UnusableTask } from "../../task/unusable_task.ts";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext } from "../command_context.ts";

interface Place {
  taskName: string;
  taskDir: string;
  projectRoot: string;
}

/** The project that a working tree was made from, also one that is gone; else itself. */
const homeRoot = (root: string, trees: readonly Worktree[]) =>
  trees.find((tree) => tree.root === root)?.homeRoot ?? root;

/** Whether a session or a task there is of the project that the command is given in, or of its worktrees. */
export function isOfThisProject(
  context: Context,
  root: string,
  known?: readonly Worktree[],
): boolean {
  const here = findProjectRoot(context.cwd(), systemTree);
  if (here === undefined || here === root) return here === root;
  const trees = known ?? recordedWorktrees(context);
  return homeRoot(root, trees) === homeRoot(here, trees);
}

/**
 * What is thrown where only another project has a task of that name, and something is to be spent or
 * changed: somebody at a terminal is asked whether it is meant.
 */
export function ofOtherProject(
  argument: string,
  place: Place,
  trees: readonly Worktree[],
): AmbiguousTask {
  const name = plain(argument, 80);
  const { taskDir } = place;
  const otherProject = homeRoot(place.projectRoot, trees);
  const root = plain(otherProject, 200);
  return new AmbiguousTask(
    `\`${name}\``,
    [{ path: taskDir, about: `of the project ${root}` }],
    argument,
    {
      message: `there is no task \`${name}\` here, but one in the project ${root}`,
      question: `There is no task \`${name}\` here, but one in the project ${root}. Is it meant?`,
      otherProject,
    },
  );
}

/** Throws for a session that a name alone has found in another project, as `ofOtherProject` says. */
export function requireOwn(
  context: CommandContext,
  argument: string,
  { session, trees }: { session: Place; trees: readonly Worktree[] },
): void {
  if (isOfThisProject(context, session.projectRoot, trees)) return;
  try {
    findTask(argument, { cwd: context.cwd(), tree: systemTree });
  } catch (error) {
    if (error instanceof UnusableTask) throw error;
  }
  throw ofOtherProject(argument, session, trees);
}

const TOLD = new WeakSet<CommandContext>();

/** Says once of which project it is, where that is another one. */
export function tellOtherProject(
  context: CommandContext,
  place: Omit<Place, "taskDir">,
  trees: readonly Worktree[] = recordedWorktrees(context),
): void {
  if (TOLD.has(context) || isOfThisProject(context, place.projectRoot, trees)) return;
  TOLD.add(context);
  context.output.err.line(
    `\`${plain(place.taskName, 80)}\` is of another project: ${
      plain(homeRoot(place.projectRoot, trees), 200)
    }`,
  );
}
