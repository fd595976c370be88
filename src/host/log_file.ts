/** The log of one session: whole lines, appended, and bounded in size. */
import * as path from "node:path";
import { freeBytes } from "./file_system.ts";
import { makePrivateFolder } from "./paths.ts";

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
    if (file.statSync().size + data.length > BYTES_MAX) {
      close();
      Deno.renameSync(logPath, `${logPath}.1`);
      file = open(logPath);
    }
    for (let written = 0; written < data.length;) {
      written += file.writeSync(data.subarray(written));
      endsInLine = data[written - 1] === NEWLINE;
    }
  }

  function close(): void {
    file?.close();
    file = undefined;
  }

  return {
    path: logPath,
    write(line) {
      const before = (endsInLine ? "" : "\n") +
        (lost > 0 ? `${lost} lines could not be written here\n` : "");
      try {
        append(encoder.encode(`${before}${line}\n`));
        lost = 0;
      } catch {
        // Disk full or folder gone: the registry still says what happened.
        lost++;
      }
    },
    close,
  };
}

const NEWLINE = "\n".charCodeAt(0);

function open(logPath: string): Deno.FsFile {
  makePrivateFolder(path.dirname(logPath));
  return Deno.openSync(logPath, { create: true, append: true, mode: 0o600 });
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
    Deno.openSync(logPath, { append: true }).close();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return freeBytes(path.dirname(logPath)) === 0 ? "no space is left on its disk" : undefined;
}
