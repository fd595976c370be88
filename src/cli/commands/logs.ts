/** `ralph logs [task]`: what the worker and the agent said; `--follow` as it comes. */
import { Command } from "@commander-js/extra-typings";
import { sleep } from "../../clock.ts";
import type { Session } from "../../store/model.ts";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT } from "../exit_codes.ts";
import { lastLines, openLog } from "../output/log_tail.ts";
import { isAlive, reread } from "../../control/liveness.ts";
import { logOf } from "../../control/session_log.ts";
import { chooseSession } from "../select/sessions.ts";
import { integer, taskArgument } from "../arguments.ts";

export function command(context: CommandContext, done: Done) {
  return new Command("logs")
    .addArgument(taskArgument("[task]"))
    .option("-f, --follow", "print new lines until the session ends")
    .option("-n, --lines <n>", "print this many of the last lines", integer(0), 50)
    .addHelpText("after", "\nExample:\n  ralph logs my-feature --follow")
    .action(async (task, options) => {
      done(await logs(context, { task, follow: options.follow ?? false, lines: options.lines }));
    });
}

const POLL_MS = 100;
const CHUNK_BYTES = 64 * 1024;
/** In UTF-16 units: no line that ralph writes comes near. */
const LINE_MAX = 1024 ** 2;

async function logs(
  context: CommandContext,
  { task, follow, lines }: { task?: string; follow: boolean; lines: number },
): Promise<number> {
  const { out, err } = context.output;
  const session = chooseSession(context, task);
  if (follow) return await followLog(context, session, lines);
  const log = logOf(context, session);
  if (log?.elsewhere !== undefined) err.line(`warning: ${log.elsewhere}`);
  const found = log ? lastLines(log.path, lines) : [];
  if (found.length === 0) err.line(`session ${session.id} has no log`);
  for (const line of found) out.line(plain(line));
  return EXIT.done;
}

/** Prints the last lines, then each new one, until the session has ended and all is printed. */
async function followLog(context: CommandContext, first: Session, lines: number): Promise<number> {
  const { out, err } = context.output;
  let session = first;
  // The worker makes its log a moment after its session.
  while (session.logPath === null && isAlive(context, session)) {
    await sleep(context.clock, POLL_MS);
    session = reread(context, session);
  }
  const log = logOf(context, session);
  if (!log) return EXIT.done;
  const { path } = log;
  if (log.elsewhere !== undefined) err.line(`warning: ${log.elsewhere}`);
  let reader = open(path, "end");
  // Up to where the reader begins: nothing is shown twice, and nothing is left out.
  for (const line of lastLines(path, lines, { end: reader?.position })) out.line(plain(line));
  for (;;) {
    const alive = isAlive(context, session);
    for (let lines = reader?.newLines(); lines; lines = reader?.newLines()) {
      for (const line of lines) out.line(plain(line));
    }
    const replacement = reader && !reader.wasReplaced() ? undefined : open(path, "start");
    if (replacement) {
      reader?.close();
      reader = replacement;
      continue;
    }
    if (!alive) break;
    await sleep(context.clock, POLL_MS);
  }
  reader?.close();
  return EXIT.done;
}

interface LogReader {
  /** The byte at which it began. */
  position: number;
  /** A part of them; undefined when there are no more. */
  newLines(): string[] | undefined;
  /** Whether the path leads to another file by now: the log was rotated. */
  wasReplaced(): boolean;
  close(): void;
}

function open(path: string, from: "start" | "end"): LogReader | undefined {
  const file = openLog(path);
  if (!file) return undefined;
  const position = from === "end" ? file.size : 0;
  const decoder = new TextDecoder();
  let at = position;
  let rest = "";
  return {
    position,
    newLines() {
      const bytes = file.readAt(at, CHUNK_BYTES);
      if (bytes.length === 0) return undefined;
      at += bytes.length;
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      // What has no end of line is none of ralph's.
      rest = lines.length > 1 || rest.length < LINE_MAX ? lines.pop() ?? "" : "";
      return lines;
    },
    wasReplaced() {
      try {
        return Deno.statSync(path).ino !== file.ino;
      } catch {
        return false;
      }
    },
    close: () => file[Symbol.dispose](),
  };
}
