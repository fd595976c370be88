/** `ralph __worker`, the background half of `ralph run`: what to do comes through standard input. */
import { Command } from "@commander-js/extra-typings";
import { NotInTree, parseInput, StoppedBefore, type WorkerReport } from "../../control/protocol.ts";
import { RalphError } from "../../error.ts";
import { takeOverEnvironment } from "../../host/system/environment.ts";
import { onEndingSignal } from "../../host/process/signals.ts";
import { SHUTDOWN } from "../../loop/shutdown.ts";
import { jsonText } from "../../terminal/json_text.ts";
import { workerEnvironment } from "../../worker/environment.ts";
import { inWorktree } from "../../worker/in_worktree.ts";
import { systemHost } from "../../worker/system_host.ts";
import { work } from "../../worker/worker.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { readInput, unread } from "../output/streams.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("__worker").action(async () => done(await worker(context)));
}

async function worker(context: CommandContext): Promise<number> {
  const { order, unit, variables, gateEnv } = parseInput(await readInput());
  takeOverEnvironment(workerEnvironment(variables, gateEnv));
  const ofShell = { ...context, environment: (name: string) => variables[name] || undefined };
  const host = systemHost(ofShell, { unit, variableNames: Object.keys(variables) });
  const stop = new AbortController();
  const stopListening = onEndingSignal(() => stop.abort(SHUTDOWN));
  let reported = false;
  // Whoever started this worker waits for one line, and what comes before it; it may be gone.
  const out = unread(context.output.out);
  const report = (message: WorkerReport) => {
    if (!reported) out.line(jsonText(message));
    reported ||= !("waiting" in message);
  };
  try {
    const placed = await inWorktree(ofShell, order, {
      signal: stop.signal,
      tell: (line) => report({ waiting: line }),
    });
    await work(host, placed, {
      signal: stop.signal,
      emit: (event) => {
        if (event.type === "session_started") report({ ready: event });
        if (event.type === "activity") report({ waiting: event.text });
      },
    });
    return EXIT.done;
  } catch (error) {
    if (error instanceof RalphError) {
      const { kind, message, hints } = error;
      const stopped = error instanceof StoppedBefore;
      report({ error: { kind, message, hints, stopped, depends: error instanceof NotInTree } });
    }
    throw error;
  } finally {
    stopListening();
  }
}
