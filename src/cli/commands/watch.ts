/** `ralph watch`: a live screen of everything that ralph knows. */
import { Command } from "@commander-js/extra-typings";
import { taskArgument } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { chooseSession } from "../select/sessions.ts";
import { watch } from "../watch/watch.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("watch")
    .addArgument(taskArgument("[task]"))
    .addHelpText(
      "after",
      `
Keys: arrows choose, Tab turns to stories, iterations or output, Enter opens, \`/\` filters, \`?\`
shows all. \`q\` leaves, and everything goes on running. In a pipe: a line for each change.

Examples:
  ralph watch
  ralph watch my-feature
  ralph watch | grep my-feature`,
    )
    .action(async (task) => {
      done(await watchTask(context, task));
    });
}

/** Without a task the first one that is at work is chosen. */
export async function watchTask(
  context: CommandContext,
  task: string | undefined,
): Promise<number> {
  const chosen = task === undefined ? undefined : chooseSession(context, task);
  return await watch(context, chosen?.taskDir);
}
