/** `ralph logs [task]`: what the worker and the agent said; `--follow` as it comes. */
import { sleep } from "../clock.ts";
import type { Session } from "../registry/model.ts";
import { plain } from "../terminal/plain.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./exit_codes.ts";
import { lastLines, openLog } from "./log_lines.ts";
import { chooseSession, isAlive, reread } from "./sessions.ts";

const POLL_MS = 100;
const CHUNK_BYTES = 64 * 1024;

export async function logs(
  context: Context,
  { task, follow, lines }: { task?: string; follow: boolean; lines: number },
): Promise<number> {
  const { out, err } = context.output;
  const session = chooseSession(context, task);
  if (follow) return await followLog(context, session, lines);
  const path = session.logPath;
  const found = path === null ? [] : lastLines(path, lines);
  if (found.length === 0) err.line(`session ${session.id} has no log`);
  for (const line of found) out.line(plain(line));
  return EXIT.done;
}

/** Prints the last lines, then each new one, until the session has ended and all is printed. */
async function followLog(context: Context, first: Session, lines: number): Promise<number> {
  const { out } = context.output;
  let session = first;
  // The worker makes its log a moment after its session.
  while (session.logPath === null && isAlive(context, session)) {
    await sleep(context.clock, POLL_MS);
    session = reread(context, session);
  }
  if (session.logPath === null) return EXIT.done;
  const path = session.logPath;
  let reader = open(path, Deno.SeekMode.End);
  // Up to where the reader begins: nothing is told twice, and nothing is left out.
  for (const line of lastLines(path, lines, reader?.position)) out.line(plain(line));
  for (;;) {
    const alive = isAlive(context, session);
    for (const line of reader?.newLines() ?? []) out.line(plain(line));
    const replacement = reader && !reader.wasReplaced()
      ? undefined
      : open(path, Deno.SeekMode.Start);
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
  newLines(): string[];
  /** Whether the path leads to another file by now: the log was rotated. */
  wasReplaced(): boolean;
  close(): void;
}

function open(path: string, from: Deno.SeekMode): LogReader | undefined {
  const file = openLog(path);
  if (!file) return undefined;
  const position = file.seekSync(0, from);
  const { ino } = file.statSync();
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(CHUNK_BYTES);
  let rest = "";
  return {
    position,
    newLines() {
      let text = rest;
      for (let n = file.readSync(buffer); n; n = file.readSync(buffer)) {
        text += decoder.decode(buffer.subarray(0, n), { stream: true });
      }
      const lines = text.split("\n");
      rest = lines.pop() ?? "";
      return lines;
    },
    wasReplaced() {
      try {
        return Deno.statSync(path).ino !== ino;
      } catch {
        return false;
      }
    },
    close: () => file.close(),
  };
}
