/** A session's log: its end, without reading the rest of it, or all of it. */
import { dirname } from "node:path";
import { RalphError } from "../../error.ts";
import { requireTaskFolder } from "../../host/files/paths.ts";
import { type OpenFile, openFile } from "../../host/files/read_file.ts";
import { shellWord } from "../../terminal/shell_word.ts";

const TAIL_BYTES = 256 * 1024;

/**
 * At most the last `count` lines of a log, up to the byte `end`, of its last `bytes`; none when it is
 * not there. Throws `RalphError` (`state`) when it cannot be read.
 */
export function lastLines(
  path: string,
  count: number,
  { end, bytes = TAIL_BYTES }: { end?: number; bytes?: number } = {},
): string[] {
  try {
    using file = openLog(path);
    return file ? linesOf(file, { count, size: end ?? file.size, bytes }) : [];
  } catch (error) {
    throw notReadable(path, error);
  }
}

/** A log has two files of 8 MiB at most (log_file.ts): what is longer is another's. */
const FILE_BYTES_MAX = 16 * 1024 ** 2;

/** All lines up to the byte `end`, after those of the file before it. Throws as `lastLines` does. */
export function allLines(path: string, end?: number): string[] {
  return [...wholeFile(`${path}.1`), ...wholeFile(path, end)];
}

function wholeFile(path: string, end?: number): string[] {
  try {
    using file = openLog(path);
    return file
      ? linesOf(file, { count: Infinity, size: end ?? file.size, bytes: FILE_BYTES_MAX })
      : [];
  } catch (error) {
    throw notReadable(path, error);
  }
}

/** Undefined when it is not there. Throws as `lastLines` does. */
export function openLog(path: string): OpenFile | undefined {
  try {
    requireTaskFolder(dirname(path));
    return openFile(path, { own: true });
  } catch (error) {
    throw notReadable(path, error);
  }
}

function notReadable(path: string, error: unknown): RalphError {
  if (error instanceof RalphError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new RalphError("state", `cannot read the log ${path}: ${why}`, [
    { text: "see who may read it", command: `ls -l ${shellWord(path)}` },
  ], { cause: error });
}

function linesOf(
  file: OpenFile,
  { count, size, bytes }: { count: number; size: number; bytes: number },
): string[] {
  const start = Math.max(0, size - bytes);
  const lines = new TextDecoder().decode(file.readAt(start, size - start)).split("\n");
  // Cut off in the middle, where the file is longer than what was read.
  if (start > 0) lines.shift();
  if (lines.at(-1) === "") lines.pop();
  return lines.slice(-count);
}
