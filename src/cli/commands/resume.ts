/** `ralph resume --interrupted`: goes on with what was running when the machine went down. */
import { Command } from "@commander-js/extra-typings";
import { RalphError } from "../../error.ts";
import { thisBoot } from "../../host/system/boot.ts";
import { wentDown } from "../../loop/session/resumable.ts";
import { findTask } from "../../task/find.ts";
import { systemTree } from "../../host/files/system_tree.ts";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT, exitCodeOf } from "../exit_codes.ts";
import { runTask } from "./run.ts";
import { readSessions } from "../../control/liveness.ts";
import { hintLines } from "../output/errors.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("resume")
    .usage("<task> | --interrupted [options]")
    .option("--interrupted", "continue only those, never one that a person stopped")
    .option("--json", "print one JSON object for each session")
    .addHelpText(
      "after",
      `
With a task it is the same as run, with all of its options. --interrupted is for a unit that systemd
starts at boot: ralph doctor --print-unit resume

Examples:
  ralph resume my-feature           continue it: paused, or its worker killed
  ralph resume --interrupted        continue all that ran when the machine went down`,
    )
    .action(async ({ interrupted, json = false }) => {
      if (!interrupted) {
        throw new RalphError("usage", "which sessions are to go on is not said", [
          { text: "that of a task", command: "ralph resume my-feature" },
          {
            text: "all that ran when the machine went down",
            command: "ralph resume --interrupted",
          },
        ]);
      }
      done(await resume(context, { json }));
    });
}

/**
 * Starts a worker for each, one after the other. A session that a person stopped or paused is never
 * among them. One that cannot go on is reported, and keeps no other from going on.
 */
async function resume(
  context: CommandContext,
  { json }: { json: boolean },
): Promise<number> {
  const { err } = context.output;
  const boot = await thisBoot(context.clock);
  const interrupted = readSessions(context, {
    read: (store) => store.lastSessions(),
    whenEmpty: [],
  }).filter((session) => wentDown(session, boot));
  if (interrupted.length === 0) err.line("Nothing was running when the machine went down.");
  let worst: number = EXIT.done;
  for (const { taskDir, taskName, projectRoot } of interrupted) {
    const options = { flags: {}, accept: false, printPrompt: false, json, verbose: false };
    try {
      const task = findTask(taskDir, { cwd: taskDir, tree: systemTree, projectRoot });
      await runTask(context, { ...options, task, foreground: false });
    } catch (error) {
      if (!(error instanceof RalphError)) throw error;
      err.line(`error: cannot go on with \`${plain(taskName, 80)}\`: ${error.message}`);
      for (const line of hintLines(error, err.colors)) err.line(line);
      worst = exitCodeOf(error.kind);
    }
  }
  return worst;
}
