/** `ralph wait [task]`: until the session ends; the exit code says how. */
import { Command } from "@commander-js/extra-typings";
import { nextCommand } from "../../control/next_command.ts";
import { awaitEnd } from "../../control/liveness.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { wrap } from "../../terminal/table.ts";
import { integer, taskArgument } from "../arguments.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { exitCodeOfSession } from "../exit_codes.ts";
import type { Session } from "../../store/model.ts";
import { columnsOf } from "../output/streams.ts";
import { tellEnding } from "../output/ending.ts";
import { awaitQueued, tellQueuedEnd } from "../queue/await_queued.ts";
import { chooseSession } from "../select/sessions.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("wait")
    .addArgument(taskArgument("[task]"))
    .option("--timeout <seconds>", "stop waiting after this long, with exit code 8", integer(0))
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  ralph wait my-feature && git push")
    .action(async (task, options) => {
      const timeoutMs = options.timeout === undefined ? undefined : options.timeout * 1000;
      done(await wait(context, { task, timeoutMs, json: options.json ?? false }));
    });
}

async function wait(
  context: CommandContext,
  { task, timeoutMs, json }: { task?: string; timeoutMs?: number; json: boolean },
): Promise<number> {
  const { out } = context.output;
  const { clock } = context;
  const begun = clock.monotonic();
  const queued = task === undefined ? undefined : await awaitQueued(context, { task, timeoutMs });
  if (queued && queued.session === undefined) return tellQueuedEnd(context, queued, json);
  const leftMs = timeoutMs === undefined ? undefined : timeoutMs - (clock.monotonic() - begun);
  const session = await awaitEnd(context, queued?.session ?? chooseSession(context, task), {
    timeoutMs: leftMs,
  });
  const { id, taskName, status, reason, detail } = session;
  if (json) out.line(commandJson({ session: id, task: taskName, status, reason, detail }));
  else {
    const [how, next] = endLines(session);
    const tell = (text: string) => wrap(text, columnsOf(out)).forEach((line) => out.line(line));
    tell(how);
    const isTold = status !== "running" &&
      await tellEnding(context, session, { cwd: context.cwd(), isTold: false });
    if (!isTold) tell(next);
  }
  return exitCodeOfSession(session);
}

/** How it ended, or that it has not, and what can be done now. */
export function endLines(session: Session): readonly string[] {
  const { taskName, status, detail, iterations } = session;
  const name = plain(taskName, 80);
  const how = status === "running"
    ? `\`${name}\` is still running, at iteration ${iterations}`
    : `${name}: ${status}${detail ? `, ${plain(detail, 300)}` : ""}`;
  return [how, nextCommand(session)];
}
