/** `ralph stop [task]`: stop now, and say what was confirmed. */
import { Command } from "@commander-js/extra-typings";
import { stopStarting } from "../../control/starting.ts";
import { stopSession } from "../../control/stop.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { taskArgument } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { endBegun, stopQueued, tellOutOfQueue, tellQueueGoesOn } from "../queue/stop_queued.ts";
import { tellNotRunning, tellStopped } from "../output/stop_report.ts";
import { chooseSettled } from "../select/sessions.ts";
import { chooseStarting } from "../select/starting.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("stop")
    .addArgument(taskArgument("[task]"))
    .option(
      "--force",
      "kill a worker that does not react; of a session that is paused: nothing goes on with it",
    )
    .option(
      "--all",
      "take all out of the queue, too, and end what agents' commands have left running in the project",
    )
    .option("--json", "print one JSON object for each session")
    .addHelpText(
      "after",
      "\nExamples:\n  ralph stop my-feature             stop it, or take it out of the queue; the others go on" +
        "\n  ralph stop --all                  stop what runs, and nothing queued runs after it" +
        "\n\nWhat an agent started in the background, such as a " +
        "development server, runs on when its\nsession has ended, and may hold a port that gates need. " +
        "It is named when a gate fails and when\na session ends; `--all` ends it, of whatever session " +
        "in the project.\n\nThe OpenCode server goes on running: systemd manages it.",
    )
    .action(async (task, options) => {
      const { force = false, all = false, json = false } = options;
      done(await stop(context, { task, force, all, json }));
    });
}

async function stop(
  context: CommandContext,
  { task, force, all, json }: { task?: string; force: boolean; all: boolean; json: boolean },
): Promise<number> {
  const queued = await stopQueued(context, { task, all });
  if (!queued) return await stopTask(context, { task, force, all, json });
  const { begun } = queued;
  if (begun.length === 0 || !json) tellOutOfQueue(context, queued, json);
  let worst: number = EXIT.done;
  for (const one of begun) {
    worst = Math.max(worst, await stopTask(context, { task: one, force, all, json }));
  }
  return worst;
}

async function stopTask(
  context: CommandContext,
  { task, force, all, json }: { task?: string; force: boolean; all: boolean; json: boolean },
): Promise<number> {
  const starting = task === undefined ? undefined : chooseStarting(context, task);
  if (starting) {
    endBegun(context, starting.taskDir);
    await stopStarting(context, starting, { force });
    const { out } = context.output;
    const { task: name, taskDir, pid } = starting;
    if (json) out.line(commandJson({ task: name, taskDir, was: "starting", workerPid: pid }));
    else out.line(`stopped \`${plain(name, 80)}\` before its session had begun (process ${pid})`);
    return EXIT.done;
  }
  const session = await chooseSettled(context, task);
  const onSlow = () => context.output.err.line("waiting for the worker …");
  const result = await stopSession(context, session, { force, all, onSlow });
  if (result.was === "not_running") {
    tellNotRunning(context, result, json);
    return EXIT.done;
  }
  tellStopped(context, result, json);
  tellQueueGoesOn(context, result.session);
  return result.notStored === undefined ? EXIT.done : EXIT.state;
}
