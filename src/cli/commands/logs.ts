/** `ralph logs [task]`: what the worker and the agent said; `--follow` as it comes. */
import { Command, InvalidArgumentError } from "@commander-js/extra-typings";
import { sleep } from "../../clock.ts";
import { RalphError } from "../../error.ts";
import type { Session } from "../../store/model.ts";
import { commandJson } from "../../terminal/json_text.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { CommandContext, Done } from "../command_context.ts";
import { EXIT, exitCodeOfSignal } from "../exit_codes.ts";
import { untilEnded } from "../../host/process/signals.ts";
import {
  entryPrinter,
  failedWith,
  isWanted,
  type LogEntry,
  type LogFilter,
  logReader,
} from "../output/log_entry.ts";
import { allLines, lastLines, openLog } from "../output/log_tail.ts";
import { isAlive, readSessions, reread } from "../../control/liveness.ts";
import { logOf } from "../../control/session_log.ts";
import { chooseAmong, chooseSession, nothingRecorded } from "../select/sessions.ts";
import { integer, taskArgument, to } from "../arguments.ts";
import { parseSince } from "../since.ts";

const EXAMPLES = `
Examples:
  ralph logs my-feature --follow
  ralph logs my-feature --iteration 3
  ralph logs my-feature --since 10m --grep 'exit code'
  ralph logs my-feature --json | jq -r 'select(.exitCode != null) | .text'`;

export function command(context: CommandContext, done: Done) {
  return new Command("logs")
    .addArgument(taskArgument("[task]"))
    .option("-f, --follow", "print new lines until the session ends")
    .option(
      "-n, --lines <n>",
      "print this many of the last lines (default: 50; all of what is asked for by the options below)",
      integer(0),
    )
    .option("--iteration <n>", "only of this iteration", integer(1))
    .option("--session <id>", "of this session, not of the latest", integer(1))
    .option(
      "--since <time>",
      "only from then on: 10m, 14:02, '2026-11-20 14:02'",
      to((text) => parseSince(text, context.clock.now())),
    )
    .option("--grep <pattern>", "only what this regular expression finds", pattern)
    .option("--json", "print one JSON object for each line")
    .addHelpText("after", EXAMPLES)
    .action(async (task, options) => {
      const { follow = false, json = false, lines, session, ...filter } = options;
      done(await logs(context, { task, id: session, follow, json, lines, filter }));
    });
}

/** Letters of either case are found by a pattern that has only small ones. */
function pattern(text: string): RegExp {
  if (mayTakeForEver(text)) {
    throw new InvalidArgumentError(
      "It repeats a group that has a repetition or a choice in it, which may take for ever: " +
        "`ralph logs | grep -E` finds it.",
    );
  }
  try {
    return new RegExp(text, text === text.toLowerCase() ? "iu" : "u");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new InvalidArgumentError(`It must be a regular expression: ${why}`);
  }
}

/**
 * Whether a group is repeated that has a repetition or a choice in it: what a JavaScript engine tries
 * then doubles with each letter. The others take the square of a line's length or so.
 */
function mayTakeForEver(text: string): boolean {
  const groups: { isCostly: boolean }[] = [];
  const signs = text.replaceAll(/\\.|\[(?:\\.|[^\]])*\]/gs, "x");
  for (let i = 0; i < signs.length; i++) {
    if (signs[i] === "(") groups.push({ isCostly: false });
    const within = groups.at(-1);
    if (within && (signs[i] === "|" || isRepetition(signs, i))) within.isCostly = true;
    if (signs[i] !== ")") continue;
    const group = groups.pop();
    const outer = groups.at(-1);
    if (group?.isCostly && outer) outer.isCostly = true;
    if (group?.isCostly && isRepetition(signs, i + 1)) return true;
  }
  return false;
}

/** `?` alone is none: it tries twice at most. */
const isRepetition = (text: string, at: number) =>
  /^(?:[*+]|\{\d+(?:,\d*)?\})/.test(text.slice(at));

const POLL_MS = 100;
const CHUNK_BYTES = 64 * 1024;
/** In UTF-16 units: no line that ralph writes comes near. */
const LINE_MAX = 1024 ** 2;
const LINES = 50;

interface Wanted {
  task?: string;
  /** Of a session. */
  id?: number;
  follow: boolean;
  json: boolean;
  lines?: number;
  filter: LogFilter;
}

async function logs(context: CommandContext, wanted: Wanted): Promise<number> {
  const { err } = context.output;
  const session = wanted.id === undefined
    ? chooseSession(context, wanted.task)
    : sessionById(context, { ...wanted, id: wanted.id });
  if (wanted.follow) return await followLog(context, session, wanted);
  const log = logOf(context, session);
  if (log?.elsewhere !== undefined) err.line(`warning: ${log.elsewhere}`);
  let shown = 0;
  const print = shower(context, session, wanted);
  const show = (entry: LogEntry) => {
    shown++;
    print(entry);
  };
  if (!log || !showPast(log.path, { wanted, show })) err.line(`session ${session.id} has no log`);
  else if (shown === 0) err.line(`no line of the log of session ${session.id} matches`);
  return EXIT.done;
}

/** Throws `RalphError` (`not_found`) when there is none of that id, or it is another task's. */
function sessionById(
  context: CommandContext,
  { id, task }: { id: number; task?: string },
): Session {
  const found = readSessions(context, {
    read(store) {
      const session = store.session(id);
      const isOther = session && task !== undefined &&
        chooseAmong(context, store, task).taskDir !== session.taskDir;
      return { session: isOther ? undefined : session };
    },
    whenEmpty: undefined,
  });
  if (!found) throw nothingRecorded(context, task);
  if (found.session) return found.session;
  const of = task === undefined ? "" : ` of \`${plain(task, 80)}\``;
  throw new RalphError("not_found", `there is no session ${id}${of}`, [{
    text: "see which there are",
    command: task === undefined
      ? "ralph status --sessions"
      : `ralph status ${shellWord(task)} --sessions`,
  }]);
}

type Show = (entry: LogEntry) => void;

/** How an entry is printed: as an object, for eyes, or in a pipe as it was logged. */
function shower(
  { output: { out }, clock }: CommandContext,
  { id }: Session,
  { json }: Wanted,
): Show {
  if (json) {
    return (entry) => {
      const { at, iteration, text } = entry;
      const time = at === undefined ? null : new Date(at).toISOString();
      const exitCode = failedWith(entry) ?? null;
      out.line(commandJson({ session: id, iteration, at: time, text, exitCode }));
    };
  }
  if (!out.isTerminal) {
    return ({ at, isTimed, text }) => {
      const time = isTimed && at !== undefined ? `${new Date(at).toISOString()} ` : "";
      out.line(time + plain(text));
    };
  }
  const print = entryPrinter({ columns: out.width(), colors: out.colors, today: clock.now() });
  return (entry) => {
    for (const line of print(entry)) out.line(line);
  };
}

/**
 * Shows what is wanted of the log up to the byte `end`. Which iteration a line is of only the whole log
 * tells. Returns whether there was any line, and what reads the next ones.
 */
function showPast(
  path: string,
  { wanted: { lines, filter, json }, show, end }: { wanted: Wanted; show: Show; end?: number },
): ReturnType<typeof logReader> | undefined {
  const isFiltered = Object.keys(filter).length > 0;
  const read = logReader();
  const found = isFiltered || json ? allLines(path, end) : lastLines(path, lines ?? LINES, { end });
  const entries = found.map(read).filter((entry) => isWanted(entry, filter));
  const shown = lines ?? (isFiltered ? entries.length : LINES);
  for (const entry of shown === 0 ? [] : entries.slice(-shown)) show(entry);
  return found.length === 0 ? undefined : read;
}

/** Prints the last lines, then each new one, until the session has ended and all is printed. */
async function followLog(
  context: CommandContext,
  first: Session,
  wanted: Wanted,
): Promise<number> {
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
  const show = shower(context, session, wanted);
  using leaving = out.isTerminal && !wanted.json ? untilEnded() : undefined;
  let reader = open(path, "end");
  // Up to where the reader begins: nothing is shown twice, and nothing is left out.
  const read = showPast(path, { wanted, show, end: reader?.position }) ?? logReader();
  for (;;) {
    const alive = isAlive(context, session);
    for (let lines = reader?.newLines(); lines; lines = reader?.newLines()) {
      for (const entry of lines.map(read)) if (isWanted(entry, wanted.filter)) show(entry);
    }
    const replacement = reader && !reader.wasReplaced() ? undefined : open(path, "start");
    if (replacement) {
      reader?.close();
      reader = replacement;
      continue;
    }
    if (!alive || leaving?.name) break;
    await sleep(context.clock, POLL_MS, leaving?.signal);
  }
  reader?.close();
  if (!leaving?.name) return EXIT.done;
  const name = shellWord(session.taskName);
  // Behind the `^C`.
  err.line(`\nsession ${session.id} goes on; stop it with \`ralph stop ${name}\``);
  return exitCodeOfSignal(leaving.name);
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
