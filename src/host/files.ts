/** Reading files that may not be there. */
import { RalphError } from "../error.ts";

/**
 * The file's bytes; undefined when there is no such file. Throws `RalphError` (`usage`) for one that
 * cannot be read, and for what is no file: a pipe would be waited for.
 */
export function readFileIfAny(path: string): Uint8Array | undefined {
  return readIfAny(path, () => Deno.readFileSync(path));
}

/** Of a file that may be of any size, as much as anybody reads. In bytes. */
const ENDS = { start: 256 * 1024, end: 1024 * 1024 };

/** The same as text, with `…` for what is left out of the middle of a very long file. */
export function textEndsIfAny(path: string): string | undefined {
  return readIfAny(path, (size) => {
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    if (size <= ENDS.start + ENDS.end) return decode(Deno.readFileSync(path));
    using file = Deno.openSync(path);
    const start = decode(readAt(file, 0, ENDS.start));
    const end = decode(readAt(file, size - ENDS.end, ENDS.end));
    return `${start}\n…\n${end}`;
  });
}

function readAt(file: Deno.FsFile, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  file.seekSync(position, Deno.SeekMode.Start);
  let read = 0;
  while (read < length) {
    const count = file.readSync(bytes.subarray(read));
    if (count === null) break;
    read += count;
  }
  return bytes.subarray(0, read);
}

function readIfAny<T>(path: string, read: (size: number) => T): T | undefined {
  try {
    const { isFile, size } = Deno.statSync(path);
    if (!isFile) throw new Error("it is not a file");
    return read(size);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new RalphError("usage", `cannot read ${path}: ${reason}`, [
      { text: "see what it is", command: `ls -ld '${path}'` },
    ], { cause: error });
  }
}

/** Whether something is there under this path. */
export function fileExists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The text of a file; undefined when it cannot be read, for whatever reason. */
export function textOf(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
