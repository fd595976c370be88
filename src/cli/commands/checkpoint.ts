/** `ralph checkpoint [task]`: pause after this iteration. */
import { Command } from "@commander-js/extra-typings";
import { reread } from "../../control/liveness.ts";
import { askToPause } from "../../control/requests.ts";
import { RalphError } from "../../error.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { taskArgument } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { chooseQueued } from "../select/queued.ts";
import { tellNotRunning } from "../output/stop_report.ts";
import { chooseSettled } from "../select/sessions.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("checkpoint")
    .addArgument(taskArgument("[task]"))
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  ralph checkpoint my-feature && ralph wait my-feature")
    .action(async (task, options) => {
      done(await checkpoint(context, { task, json: options.json ?? false }));
    });
}

async function checkpoint(
  context: CommandContext,
  { task, json }: { task?: string; json: boolean },
): Promise<number> {
  requireBegun(context, task);
  const session = await chooseSettled(context, task);
  if (!askToPause(context, session)) {
    const ended = reread(context, session);
    tellNotRunning(context, { session: ended }, json);
    return ended.status === "checkpointed" ? EXIT.done : EXIT.notRunning;
  }
  const { out } = context.output;
  const { id, taskName, iterations } = session;
  if (json) out.line(commandJson({ session: id, task: taskName, asked: true }));
  else {
    const name = plain(taskName, 80);
    out.line(`\`${name}\` will pause after iteration ${iterations}, unless that ends it.`);
    const word = shellWord(taskName);
    out.line(`Wait for that with \`ralph wait ${word}\`, go on with \`ralph run ${word}\`.`);
  }
  return EXIT.done;
}

/** Throws `RalphError` (`conflict`) for a task that only waits in a queue. */
function requireBegun(context: CommandContext, task: string | undefined): void {
  const queued = task === undefined ? undefined : chooseQueued(context, task)?.queued;
  if (queued?.state !== "waiting") return;
  const name = plain(queued.taskName, 80);
  throw new RalphError("conflict", `\`${name}\` waits in the queue, and has not begun`, [
    { text: "take it out of the queue", command: `ralph stop ${shellWord(queued.taskName)}` },
    { text: "pause the one that runs, and the queue with it", command: "ralph checkpoint" },
  ]);
}
