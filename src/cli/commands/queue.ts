/** `ralph __queue`, the background half of `ralph run` with several tasks. */
import { Command } from "@commander-js/extra-typings";
import { untilEnded } from "../../host/process/signals.ts";
import { openUserStore } from "../../app/store.ts";
import { startWorker } from "../../control/start.ts";
import { RalphError } from "../../error.ts";
import type { QueueInput, QueueReport } from "../../queue/start_queue.ts";
import { workQueue } from "../../queue/work_queue.ts";
import { jsonText } from "../../terminal/json_text.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { readInput, unread } from "../output/streams.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("__queue").action(async () => done(await queue(context)));
}

async function queue(context: CommandContext): Promise<number> {
  const text = await readInput();
  if (!text.endsWith("\n")) {
    throw new RalphError("failed", "the queue was not told what to do: its caller has ended");
  }
  const { root, variables }: QueueInput = JSON.parse(text);
  const ofShell = { ...context, environment: (name: string) => variables[name] || undefined };
  // Whoever started this process waits for one line, and may be gone.
  const out = unread(context.output.out);
  const report = (message: QueueReport) => out.line(jsonText(message));
  // One that is being started is seen to its begin; what is on record says how to go on.
  using ending = untilEnded();
  let begun = false;
  const begin = () => {
    if (!begun) report({ ready: true });
    begun = true;
  };
  try {
    await workQueue(ofShell, root, {
      openStore: () => openUserStore(ofShell),
      async start({ task, order, gateEnv }) {
        await startWorker(ofShell, task, order, { gateEnv, variables });
      },
      signal: ending.signal,
      onBegin: begin,
    });
    // Another process may have been faster.
    begin();
    return EXIT.done;
  } catch (error) {
    if (error instanceof RalphError && !begun) {
      report({ error: { kind: error.kind, message: error.message, hints: error.hints } });
    }
    throw error;
  }
}
