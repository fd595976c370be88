/** `ralph resume --interrupted`: goes on with what was running when the machine went down. */
import { RalphError } from "../error.ts";
import { thisBoot } from "../host/boot.ts";
import { wentDown } from "../loop/continuation.ts";
import { plain } from "../terminal/plain.ts";
import type { Context } from "./context.ts";
import { EXIT, exitCodeOf } from "./exit_codes.ts";
import { run } from "./run.ts";
import { readSessions } from "./sessions.ts";
import { hintLines } from "./shown_error.ts";

/**
 * Starts a worker for each, one after the other. A session that a person stopped or paused is never
 * among them. One that cannot go on is told, and keeps no other from going on.
 */
export async function resume(context: Context, { json }: { json: boolean }): Promise<number> {
  const { err } = context.output;
  const boot = await thisBoot(context.clock);
  const interrupted = readSessions(context, {
    read: (registry) => registry.lastSessions(),
    whenEmpty: [],
  }).filter((session) => wentDown(session, boot));
  if (interrupted.length === 0) err.line("Nothing was running when the machine went down.");
  let worst: number = EXIT.done;
  for (const { taskDir, taskName } of interrupted) {
    const options = { task: taskDir, flags: {}, accept: false, printPrompt: false, json };
    try {
      await run(context, { ...options, foreground: false });
    } catch (error) {
      if (!(error instanceof RalphError)) throw error;
      err.line(`error: cannot go on with \`${plain(taskName, 80)}\`: ${error.message}`);
      for (const line of hintLines(error, err.colors)) err.line(line);
      worst = exitCodeOf(error.kind);
    }
  }
  return worst;
}
