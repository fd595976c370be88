/** What a gate printed: made safe to show, and cut to what helps an agent. */
import { plain } from "../../terminal/plain.ts";

/** A prompt has room for this much of a failing gate. */
const LINES_MAX = 60;
const CHARACTERS_MAX = 6_000;
/** So that the first failure and the end both have room, also where code is minified. */
const LINE_MAX = 240;
/** Where runners sum up. */
const SUMMARY_LINES = 20;
/** What a line that speaks of failure is about stands above it, the details below. */
const LINES_ABOVE = 2;
const LINES_BELOW = 12;

/** ECMA-48: control sequences; strings such as a window's title; escapes of two characters. */
const ESCAPES =
  // deno-lint-ignore no-control-regex
  /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]/g;

/** How compilers, linters and test runners say that something is wrong; not a part of a path. */
const FAILURE =
  /(?<![\w./-])(?:errors?|fail(?:ed|ures?|ing|s)?|fatal|panic(?:ked)?|exception|traceback|undefined reference|not ok|not found|denied|aborted|killed)(?![\w-]|[./]\w)|[✕✗✘✖×●❌]|^E {2,}/iu;
/** `TypeError`, `java.lang.NullPointerException` */
const ERROR_NAME = /(?<![\w./-])[\w.]*[a-z](?:Error|Exception)(?![\w-]|[./]\w)/;
const NOTHING_FAILED = /\b(?:0|no) (?:errors?|fail\w*)/gi;
const PASSED = /^\s*(?:ok\b|[✓✔√]|(?:--- )?PASS\b)|\b(?:ok|passed)\s*(?:\([^)]*\)|\[[^\]]*\])?$/iu;

/** The lines as a terminal would leave them, without colours and with nothing else unseen. */
export function plainOutput(output: string): string {
  return output
    .replaceAll(ESCAPES, "")
    .trimEnd()
    .split("\n")
    .map((line) => line.trimEnd())
    // A progress bar goes back to the start of its line, and writes over it.
    .map((line) => line.slice(line.lastIndexOf("\r") + 1).replaceAll("\t", "    "))
    .map((line) => plain(line))
    .join("\n");
}

/** Whether a line of output says that something is wrong; of a long one the ends are looked at. */
export function speaksOfFailure(line: string): boolean {
  const text = shorten(line);
  if (PASSED.test(text)) return false;
  return FAILURE.test(text.replaceAll(NOTHING_FAILED, "")) || ERROR_NAME.test(text);
}

/** The last lines, where runners sum up. */
export function summaryOf(lines: readonly string[]): readonly string[] {
  return lines.slice(-SUMMARY_LINES);
}

/**
 * What of a failing gate's output goes into the next prompt, in the order of the output: the first
 * failure with its details, the end, the other failures, and of the lines before the end what has
 * room. At most 60 lines and 6,000 characters, beside the lines that say how much is left out.
 */
export function usefulEnd(output: string): string {
  const lines = output.split("\n");
  const kept = new Map<number, string>();
  let room = CHARACTERS_MAX;
  for (const index of byUse(lines)) {
    if (kept.has(index)) continue;
    const line = shorten(lines[index]);
    room -= line.length + 1;
    if (room < 0 || kept.size === LINES_MAX) break;
    kept.set(index, line);
  }
  const shown: string[] = [];
  let next = 0;
  const skipTo = (index: number) => {
    if (index > next) shown.push(`… lines left out: ${index - next} …`);
    next = index + 1;
  };
  for (const [index, line] of [...kept].sort(([a], [b]) => a - b)) {
    skipTo(index);
    shown.push(line);
  }
  skipTo(lines.length);
  return shown.join("\n");
}

/** The indexes of all lines, those first that help most; some come twice. */
function byUse(lines: readonly string[]): readonly number[] {
  const all = lines.map((_, index) => index);
  const around = (index: number) =>
    all.slice(Math.max(index - LINES_ABOVE, 0), index + LINES_BELOW);
  const failures = all.filter((index) => speaksOfFailure(lines[index]));
  const fromTheEnd = all.toReversed();
  return [
    ...failures.slice(0, 1).flatMap(around),
    ...fromTheEnd.slice(0, SUMMARY_LINES),
    ...failures.flatMap((index) => all.slice(index, index + 2)),
    ...fromTheEnd,
  ];
}

function shorten(line: string): string {
  if (line.length <= LINE_MAX) return line;
  const half = LINE_MAX / 2;
  return `${line.slice(0, half)} … ${line.slice(-half)}`;
}
