/** Where a run works: in the project, or in a worktree of the task's own. */
import { requireWritten } from "../control/preflight.ts";
import {
  recordedWorktrees,
  requireNotGone,
  whereTheyWork,
  worktreeOf,
} from "../control/worktree/find.ts";
import { readWhole } from "../host/files/read_file.ts";
import { untilEnded } from "../host/process/signals.ts";
import { readAgenda } from "../loop/iteration/backlog.ts";
import { completedBefore, goesOnThere } from "../queue/dependencies.ts";
import { readSettings } from "../settings/read.ts";
import type { SettingsPart } from "../settings/settings.ts";
import type { Task } from "../task/task_files.ts";
import { plain } from "../terminal/plain.ts";
import type { CommandContext } from "./command_context.ts";
import { exitCodeOfSignal } from "./exit_codes.ts";

/**
 * The task in the tree that it is to be worked on in, which is made first where that is asked for; or the
 * exit code, when a signal has ended that. Throws `RalphError` as `prepareWorktree` does.
 */
export async function taskToWorkOn(
  context: CommandContext,
  task: Task,
  { flags, accept, printPrompt }: { flags: SettingsPart; accept: boolean; printPrompt: boolean },
): Promise<{ task: Task } | { ended: number }> {
  const tree = worktreeOf(task, recordedWorktrees(context));
  const { settings } = await readSettings({
    projectRoot: tree?.homeRoot ?? task.projectRoot,
    environment: context.environment,
    variableNames: [],
    readFile: readWhole,
    flags,
  });
  const isHalfMade = tree?.taskDir === task.dir && tree.preparedAt === null;
  if (!settings.worktree && !isHalfMade) {
    if (tree) requireNotGone(tree);
    return { task };
  }
  if (printPrompt) return { task: whereTheyWork(context, [task])[0] };
  const goesOn = tree ? undefined : goesOnThere(context, task);
  if (goesOn !== undefined) {
    context.warn(`no worktree is made: this ${goesOn}, in ${plain(task.projectRoot, 200)}`);
    return { task };
  }
  requireWritten(task, readAgenda(Deno, { task, promised: accept }));
  const dependsOn = completedBefore(context, task, settings);
  const { prepareWorktree } = await import("../control/worktree/prepare.ts");
  using ending = untilEnded();
  try {
    const tell = (line: string) => context.output.err.line(line);
    return {
      task: await prepareWorktree(context, task, {
        settings,
        dependsOn: tree && goesOnThere(context, { dir: tree.taskDir }) ? [] : dependsOn,
        signal: ending.signal,
        tell,
      }),
    };
  } catch (error) {
    if (ending.name === undefined) throw error;
    context.warn("stopped; the same command goes on with the worktree where this was");
    return { ended: exitCodeOfSignal(ending.name) };
  }
}
