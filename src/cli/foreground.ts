/** The loop in this process and this terminal: `ralph run --foreground`. */
import type { WorkerOrder } from "../control/protocol.ts";
import { type EndingSignal, onEndingSignal } from "../host/process/signals.ts";
import { type Emit, isForLiveView } from "../loop/event.ts";
import { SHUTDOWN } from "../loop/shutdown.ts";
import { eventLines } from "../worker/narration.ts";
import { systemHost } from "../worker/system_host.ts";
import { StoppedBefore, work } from "../worker/worker.ts";
import type { CommandContext } from "./command_context.ts";
import { exitCodeOfSession, exitCodeOfSignal } from "./exit_codes.ts";
import { eventJson } from "./output/event_json.ts";
import { liveView } from "./output/live_view.ts";
import { unread } from "./output/streams.ts";

/**
 * Runs the loop and shows what it does; the first Ctrl-C stops it. A terminal that goes away ends the
 * worker alone: the session can go on. `bell`: rings the terminal's at its end. Returns the exit code.
 */
export async function runHere(
  context: CommandContext,
  order: WorkerOrder,
  { json, verbose, bell }: { json: boolean; verbose: boolean; bell: boolean },
): Promise<number> {
  // As in the background: the agent may remove the folder that the user stands in.
  Deno.chdir("/");
  const [out, err] = [unread(context.output.out), unread(context.output.err)];
  const stop = new AbortController();
  let signalled: EndingSignal | undefined;
  const stopListening = onEndingSignal((name) => {
    signalled = name;
    stop.abort(name === "SIGHUP" ? SHUTDOWN : undefined);
    err.line("stopping: what is at work is being ended; again to end at once");
  });
  const live = !json && out.isTerminal ? liveView(out, context.clock) : undefined;
  const show: Emit = live?.show ?? ((event) => {
    if (json) {
      if (verbose || !isForLiveView(event)) out.line(eventJson(event, context.clock));
    } else for (const line of eventLines(event, out.colors)) out.line(line);
  });
  const emit: Emit = (event) => {
    show(event);
    if (bell && event.type === "session_ended" && err.isTerminal) err.write("\x07");
  };
  try {
    const end = await work(systemHost(context), order, { signal: stop.signal, emit });
    const bySignal = end.reason === "user_stop" || end.reason === "worker_ended";
    return signalled && bySignal ? exitCodeOfSignal(signalled) : exitCodeOfSession(end);
  } catch (error) {
    if (!(signalled && error instanceof StoppedBefore)) throw error;
    err.line(error.message);
    return exitCodeOfSignal(signalled);
  } finally {
    live?.close();
    stopListening();
  }
}
