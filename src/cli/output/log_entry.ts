/** The lines of a log: what each is, which are wanted, and how they look. Values in, values out. */
import type { Colors } from "../../terminal/colors.ts";
import { localDay, localTime } from "../../terminal/format.ts";
import { plain } from "../../terminal/plain.ts";
import { underItself } from "../../terminal/table.ts";

export interface LogEntry {
  /** Epoch milliseconds; undefined before the first line that has a time. */
  at?: number;
  /** Null outside of any. */
  iteration: number | null;
  /** Without its time. What is foreign in it is as it was logged. */
  text: string;
  /** The line itself has a time. */
  isTimed: boolean;
}

export interface LogFilter {
  iteration?: number;
  /** Epoch milliseconds. */
  since?: number;
  grep?: RegExp;
}

const TIMED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) (.*)$/s;
/** What an agent says is indented: these lines are the loop's own (`worker/narration.ts`). */
const BEGINS = /^iteration (\d+)\/\d+ /;
const ENDS = /^(completed|stopped|failed|checkpointed): /;

/** Reads a log line by line, from its first one on, and remembers where it is. */
export function logReader(): (line: string) => LogEntry {
  let at: number | undefined;
  let iteration: number | null = null;
  return (line) => {
    const [, time, text] = TIMED.exec(line) ?? [];
    if (time !== undefined) at = Date.parse(time);
    const words = text ?? line;
    const begins = BEGINS.exec(words);
    if (begins) iteration = Number(begins[1]);
    else if (ENDS.test(words)) iteration = null;
    return { at, iteration, text: words, isTimed: time !== undefined };
  };
}

export function isWanted(entry: LogEntry, { iteration, since, grep }: LogFilter): boolean {
  if (iteration !== undefined && entry.iteration !== iteration) return false;
  if (since !== undefined && (entry.at === undefined || entry.at < since)) return false;
  return grep === undefined || grep.test(entry.text);
}

/** The exit code of a command that failed; undefined for any other line. */
export function failedWith({ text }: Pick<LogEntry, "text">): number | undefined {
  const [, code] = /^ {2,4}bash .* ✗ exit code (\d+)$/s.exec(text) ?? [];
  return code === undefined ? undefined : Number(code);
}

const TIME_COLUMNS = 10;

/** Shows entries in a terminal: with the time of day here, and a line where a new day begins. */
export function entryPrinter(
  { columns, colors, today }: { columns: number; colors: Colors; today: number },
): (entry: LogEntry) => string[] {
  let day = localDay(today);
  return ({ at, isTimed, text }) => {
    const lines: string[] = [];
    if (at !== undefined && localDay(at) !== day) {
      day = localDay(at);
      lines.push(colors.dim(day));
    }
    const time = isTimed && at !== undefined ? localTime(at) : "";
    const paint = painter(text, colors);
    const [first, ...rest] = underItself(plain(text), Math.max(columns - TIME_COLUMNS, 10));
    lines.push(`${colors.dim(time.padEnd(TIME_COLUMNS))}${paint(first)}`.trimEnd());
    for (const line of rest) lines.push(`${" ".repeat(TIME_COLUMNS)}${paint(line)}`);
    return lines;
  };
}

/** As the live view has them, as far as the text tells. */
function painter(text: string, colors: Colors): (text: string) => string {
  if (BEGINS.test(text)) return colors.bold;
  if (text.startsWith("completed: ")) return colors.green;
  if (ENDS.test(text) || / ✗ (exit code \d+|failed|refused by your rules)$/.test(text)) {
    return colors.red;
  }
  if (text.startsWith("error: ") || text.startsWith("  ✗ ")) return colors.red;
  if (text.startsWith("  ✓ ")) return colors.green;
  if (text.startsWith("warning: ") || text.startsWith("  • ")) return colors.yellow;
  if (text.startsWith("  OpenCode session ")) return colors.dim;
  return (line) =>
    line.replace(
      /^( {2,4})(bash|edit|write|read|glob|grep|list|task) /,
      (_, indent, tool) => `${indent}${colors.cyan(tool)} `,
    );
}

/** A line of the log with the time of day here alone. */
export function withLocalTime(line: string): string {
  return line.replace(TIMED, (_, time, text) => `${localTime(Date.parse(time))} ${text}`);
}
