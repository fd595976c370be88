/** Whether a task is begun though another PRD file says something else of the same work. */
import { readSessions } from "../../control/liveness.ts";
import { RalphError } from "../../error.ts";
import type { Agenda } from "../../task/agenda.ts";
import { type Task, taskFile } from "../../task/task_files.ts";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext } from "../command_context.ts";
import { confirmed } from "../output/confirm.ts";

/**
 * Asks where somebody can answer, once: not where the task has had a session, and not where all stories
 * pass, since no agent works then. Throws `RalphError` (`interrupted`) for a no.
 */
export async function askWhetherToBegin(
  context: CommandContext,
  task: Task,
  { stories }: Agenda,
): Promise<void> {
  const { out, inputIsTerminal } = context.output;
  if (!out.isTerminal || !inputIsTerminal || stories.every(({ passes }) => passes)) return;
  const last = readSessions(context, {
    read: (store) => store.lastSession(task.dir),
    whenEmpty: undefined,
  });
  if (last) return;
  const whenGivenUp = "nothing was started";
  const isWanted = await confirmed(context, {
    message: `Work on ${plain(taskFile(task), 200)} all the same?`,
    what: "begin",
    command: ["run"],
    byDefault: false,
    whenGivenUp,
  });
  if (!isWanted) throw new RalphError("interrupted", whenGivenUp);
}
