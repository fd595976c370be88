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
import { tellHints } from "../output/errors.ts";
import { isOpen } from "../../queue/decide.ts";
import { recordedWorktrees } from "../../control/worktree/find.ts";
import { sessionDirOf, sessionOf } from "../../queue/place.ts";
import { queueIsWorked, startQueue } from "../../queue/start_queue.ts";
import type { Queue } from "../../store/model.ts";
import { tellQueue } from "../queue/run_tasks.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("resume")
    .usage("<task> | --interrupted [options]")
    .option("--interrupted", "continue only those, never one that a person stopped")
    .option("--json", "print one JSON object for each session")
    .addHelpText(
      "after",
      `
With a task its last session goes on, although it was stopped or has failed: iterations, cost, tokens
and time count on, and all options of run are taken. What made it end does not count again; a limit
that it has reached has to be given anew. --interrupted goes on with sessions and queues, and is for a
unit that systemd starts at boot: ralph doctor --print-unit resume

Examples:
  ralph resume my-feature           continue it: paused, stopped, failed, or its worker killed
  ralph resume my-feature -n 20     the same, once its 10 iterations are made
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
  const queues = interruptedQueues(context);
  if (interrupted.length + queues.length === 0) {
    err.line("Nothing was running when the machine went down.");
  }
  let worst: number = EXIT.done;
  const goOn = async (what: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof RalphError)) throw error;
      err.line(`error: cannot go on with ${what}: ${error.message}`);
      tellHints(context, error);
      worst = exitCodeOf(error.kind);
    }
  };
  const trees = recordedWorktrees(context);
  const ofQueues = new Set(
    queues.flatMap((queue) =>
      queue.tasks.filter(isOpen).map((queued) => sessionDirOf(queue, queued, trees))
    ),
  );
  for (const { taskDir, taskName, projectRoot } of interrupted) {
    // Its queue goes on with it.
    if (ofQueues.has(taskDir)) continue;
    const options = {
      flags: {},
      accept: false,
      printPrompt: false,
      json,
      verbose: false,
      resume: false,
    };
    await goOn(`\`${plain(taskName, 80)}\``, async () => {
      const task = findTask(taskDir, { cwd: taskDir, tree: systemTree, projectRoot });
      await runTask(context, { ...options, task, foreground: false });
    });
  }
  for (const queue of queues) {
    await goOn(`the queue of ${plain(queue.projectRoot, 200)}`, async () => {
      await startQueue(context, queue.projectRoot);
      tellQueue(context, queue, json);
    });
  }
  return worst;
}

/** Open queues that nobody works through, but for those of which a person has paused a task. */
function interruptedQueues(context: CommandContext): readonly Queue[] {
  return readSessions<readonly Queue[]>(context, {
    read: (store) =>
      store.lastQueues().filter((queue) =>
        queue.endedAt === null &&
        queue.tasks.filter(({ state }) => state === "running")
          .every((queued) => sessionOf(store, queue, queued)?.status !== "checkpointed")
      ),
    whenEmpty: [],
  }).filter(({ projectRoot }) => !queueIsWorked(context, projectRoot));
}
