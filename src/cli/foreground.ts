/** The loop in this process and this terminal: `ralph run --foreground`. */
import { StoppedBefore, type WorkerOrder } from "../control/protocol.ts";
import { type EndingSignal, onEndingSignal } from "../host/process/signals.ts";
import { sleep } from "../clock.ts";
import { readSessions } from "../control/liveness.ts";
import { RalphError } from "../error.ts";
import type { ReadOnlyStore } from "../store/store.ts";
import { tellEnding } from "./output/ending.ts";
import { type Emit, isForLiveView, type LoopEvent } from "../loop/event.ts";
import { SHUTDOWN } from "../loop/shutdown.ts";
import { eventLines } from "../worker/narration.ts";
import { plain } from "../terminal/plain.ts";
import { inWorktree } from "../worker/in_worktree.ts";
import { systemHost } from "../worker/system_host.ts";
import { work } from "../worker/worker.ts";
import type { CommandContext } from "./command_context.ts";
import { exitCodeOfSession, exitCodeOfSignal } from "./exit_codes.ts";
import { eventJson } from "./output/event_json.ts";
import { liveView, movesCursor } from "./output/live_view.ts";
import { quietInput } from "./output/quiet_input.ts";
import { safeOnTerminal, type Stream, unread } from "./output/streams.ts";

/**
 * Runs the loop and shows what it does; the first Ctrl-C stops it. SIGTERM and a terminal that goes away
 * end the worker alone: the session can go on. `graceMs`: how long that may take after SIGTERM; what is
 * not recorded by then the next worker finds as that of one that died. `bell`: rings the terminal's at
 * its end. `label`: the name of the task, where others are worked on here, too: each line begins with it,
 * and each event has it. Returns the exit code.
 */
export async function runHere(
  context: CommandContext,
  order: WorkerOrder,
  { json, verbose, bell, graceMs, label }: {
    json: boolean;
    verbose: boolean;
    bell: boolean;
    graceMs?: number;
    label?: string;
  },
): Promise<number> {
  const cwd = context.cwd();
  // As in the background: the agent may remove the folder that the user stands in.
  Deno.chdir("/");
  const out = labelled(unread(context.output.out), json ? undefined : label);
  const err = labelled(unread(context.output.err), label);
  const stop = new AbortController();
  const graceOver = Promise.withResolvers<"grace_over">();
  let signalled: EndingSignal | undefined;
  const isLive = !json && label === undefined && out.isTerminal &&
    movesCursor(context.environment("TERM"));
  const live = isLive ? liveView(out, context.clock) : undefined;
  const showInput = live ? await quietInput(context.clock) : () => Promise.resolve();
  const say = live?.say ?? err.line;
  const stopListening = onEndingSignal((name) => {
    signalled = name;
    stop.abort(name === "SIGINT" ? undefined : SHUTDOWN);
    if (name === "SIGTERM" && graceMs !== undefined) {
      void sleep(context.clock, graceMs).then(() => graceOver.resolve("grace_over"));
    }
    // A second one ends the process as it is.
    void showInput();
    say("stopping: what is at work is being ended; again to end at once");
  }, { once: graceMs === undefined ? undefined : "SIGTERM" });
  const of = (event: LoopEvent) => label === undefined ? event : { task: label, ...event };
  const show: Emit = live?.show ?? ((event) => {
    if (json) {
      if (verbose || !isForLiveView(event)) out.line(eventJson(of(event), context.clock));
    } else for (const line of eventLines(event, out.colors)) out.line(line);
  });
  const emit: Emit = (event) => {
    show(event);
    if (bell && event.type === "session_ended" && out.isTerminal) out.write("\x07");
  };
  try {
    const warn = (text: string) => say(safeOnTerminal(`warning: ${text}`));
    const { signal } = stop;
    const placed = await inWorktree({ ...context, warn }, order, { signal, tell: say });
    const worked = work(systemHost({ ...context, warn }), placed, { signal, emit });
    const end = await Promise.race([worked, graceOver.promise]);
    if (end === "grace_over") {
      worked.catch(() => {}); // this process ends, and with it the worker
      say("not all is recorded: the time for that is over; the next run finds what became of it");
      return exitCodeOfSignal("SIGTERM");
    }
    live?.close();
    if (!json) await tellEndOf(placed, { ...context, output: { ...context.output, out } }, cwd);
    const bySignal = end.reason === "user_stop" || end.reason === "worker_ended";
    return signalled && bySignal ? exitCodeOfSignal(signalled) : exitCodeOfSession(end);
  } catch (error) {
    if (!(signalled && error instanceof StoppedBefore)) throw error;
    say(safeOnTerminal(error.message));
    return exitCodeOfSignal(signalled);
  } finally {
    live?.close();
    await showInput();
    stopListening();
  }
}

/** Each line of it begins with the label. */
function labelled(stream: Stream, label: string | undefined): Stream {
  if (label === undefined) return stream;
  const line = (text = "") => stream.line(`${plain(label, 80)}: ${text}`.trimEnd());
  return { ...stream, line, width: () => Math.max(20, stream.width() - label.length - 2) };
}

/** That it cannot be told takes nothing from how the session ended. */
async function tellEndOf(
  { taskDir }: WorkerOrder,
  context: CommandContext,
  cwd: string,
): Promise<void> {
  try {
    const read = (store: ReadOnlyStore) => store.lastSession(taskDir);
    const session = readSessions(context, { read, whenEmpty: undefined });
    if (session) await tellEnding(context, session, { cwd, isTold: true });
  } catch (error) {
    if (!(error instanceof RalphError)) throw error;
    context.warn(error.message);
  }
}
