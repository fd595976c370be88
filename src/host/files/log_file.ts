/** The log of one session: whole lines, appended, and bounded in size. */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import * as path from "node:path";
import { freeBytes } from "./file_system.ts";
import { makeTaskFolder, requireTaskFolder } from "./paths.ts";
import { requireOwnFile } from "./read_file.ts";
import { plural } from "../../terminal/plural.ts";

/** Two files of this size at most: the current one and the one before. */
const BYTES_MAX = 8 * 1024 * 1024;

export interface LogFile {
  path: string;
  /**
   * Appends one line. A log that cannot be written never stops the work it tells of: the line is
   * lost, and the next one that can be written says how many were.
   */
  write(line: string): void;
  close(): void;
}

/**
 * A log for appending; its folder is made when it is missing. The file before it, if there is one,
 * is `<path>.1`.
 */
export function openLogFile(logPath: string): LogFile {
  const encoder = new TextEncoder();
  // Who follows it looks for it at once.
  let file = attempt(() => open(logPath));
  let lost = 0;
  let endsInLine = true;

  function append(data: Uint8Array): void {
    file ??= open(logPath);
    if (fstatSync(file).size + data.length > BYTES_MAX) {
      close();
      Deno.renameSync(logPath, `${logPath}.1`);
      file = open(logPath);
    }
    for (let written = 0; written < data.length;) {
      written += writeSync(file, data, written);
      endsInLine = data[written - 1] === NEWLINE;
    }
  }

  function close(): void {
    if (file !== undefined) closeSync(file);
    file = undefined;
  }

  return {
    path: logPath,
    write(line) {
      const before = (endsInLine ? "" : "\n") +
        (lost > 0 ? `${plural(lost, "line")} could not be written here\n` : "");
      try {
        append(encoder.encode(`${before}${line}\n`));
        lost = 0;
      } catch {
        // Disk full or folder gone: the store still says what happened.
        lost++;
      }
    },
    close,
  };
}

const NEWLINE = "\n".charCodeAt(0);

function open(logPath: string): number {
  makeTaskFolder(path.dirname(logPath));
  return openToAppend(logPath, constants.O_CREAT);
}

/** Waits for nothing. Throws for what is no file, as a pipe or a link. */
function openToAppend(logPath: string, more = 0): number {
  requireOwnFile(logPath, { toWrite: true });
  const { O_WRONLY, O_APPEND, O_NONBLOCK } = constants;
  const file = openSync(logPath, O_WRONLY | O_APPEND | O_NONBLOCK | more, 0o600);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw new Error("it is not a file");
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Why lines are missing from a log, or will be; undefined when all is well. Changes nothing. */
export function whyNotLogged(logPath: string): string | undefined {
  try {
    requireTaskFolder(path.dirname(logPath));
    closeSync(openToAppend(logPath));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return freeBytes(path.dirname(logPath)) === 0 ? "no space is left on its disk" : undefined;
}
