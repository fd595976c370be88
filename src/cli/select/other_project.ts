/** Tasks of other projects: what spends or changes is not done there by a name alone. */
import type { Context } from "../../app/context.ts";
import { recordedWorktrees, rootsOf } from "../../control/worktree/find.ts";
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

/** Whether a session or a task there is of the project that the command is given in, or of its worktrees. */
export function isOfThisProject(
  context: Context,
  root: string,
  trees: readonly Worktree[] = recordedWorktrees(context),
): boolean {
  const here = findProjectRoot(context.cwd(), systemTree);
  const home = trees.find((tree) => tree.root === here && tree.removedAt === null)?.homeRoot;
  return rootsOf(home ?? here, trees).includes(root);
}

/**
 * What is thrown where only another project has a task of that name, and something is to be spent or
 * changed: somebody at a terminal is asked whether it is meant.
 */
export function ofOtherProject(argument: string, { taskDir, projectRoot }: Place): AmbiguousTask {
  const name = plain(argument, 80);
  const root = plain(projectRoot, 200);
  return new AmbiguousTask(
    `\`${name}\``,
    [{ path: taskDir, about: `of the project ${root}` }],
    argument,
    {
      message: `there is no task \`${name}\` here, but one in the project ${root}`,
      question: `There is no task \`${name}\` here, but one in the project ${root}. Is it meant?`,
      otherProject: projectRoot,
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
  throw ofOtherProject(argument, session);
}

const TOLD = new WeakSet<CommandContext>();

/** Says once of which project it is, where that is another one. */
export function tellOtherProject(
  context: CommandContext,
  { taskName, projectRoot }: Omit<Place, "taskDir">,
  trees?: readonly Worktree[],
): void {
  if (TOLD.has(context) || isOfThisProject(context, projectRoot, trees)) return;
  TOLD.add(context);
  context.output.err.line(
    `\`${plain(taskName, 80)}\` is of another project: ${plain(projectRoot, 200)}`,
  );
}
