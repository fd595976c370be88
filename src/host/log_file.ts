/** The log of one session: whole lines, appended, and bounded in size. */
import { RalphError } from "../error.ts";

/** Two files of this size at most: the current one and the one before. */
const BYTES_MAX = 8 * 1024 * 1024;

export interface LogFile {
  path: string;
  /** Appends one line. A log that cannot be written never stops the work it tells of. */
  write(line: string): void;
  close(): void;
}

/** Opens a log for appending. The file before it, if there is one, is `<path>.1`. */
export function openLogFile(path: string): LogFile {
  let file = open(path);
  let bytes = file.statSync().size;
  const encoder = new TextEncoder();
  return {
    path,
    write(line) {
      const data = encoder.encode(line + "\n");
      try {
        if (bytes + data.length > BYTES_MAX) {
          file.close();
          Deno.renameSync(path, `${path}.1`);
          file = open(path);
          bytes = 0;
        }
        let written = 0;
        while (written < data.length) written += file.writeSync(data.subarray(written));
        bytes += data.length;
      } catch {
        // Disk full or folder gone: the registry still says what happened.
      }
    },
    close: () => file.close(),
  };
}

function open(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { create: true, append: true, mode: 0o600 });
  } catch (error) {
    throw new RalphError(
      "state",
      `cannot open the log ${path}: ${error instanceof Error ? error.message : error}`,
      [{ text: "see who may write there", command: `ls -ld '${path}'*` }],
      { cause: error },
    );
  }
}
