/** The end of a file, without reading the rest of it. */
const TAIL_BYTES = 256 * 1024;

/** At most the last `count` lines of a file, up to the byte `end`; none when it is not there. */
export function lastLines(path: string, count: number, end?: number): string[] {
  try {
    using file = Deno.openSync(path, { read: true });
    const size = end ?? file.statSync().size;
    const start = Math.max(0, size - TAIL_BYTES);
    file.seekSync(start, Deno.SeekMode.Start);
    const bytes = new Uint8Array(size - start);
    let read = 0;
    while (read < bytes.length) {
      const n = file.readSync(bytes.subarray(read));
      if (n === null) break;
      read += n;
    }
    const lines = new TextDecoder().decode(bytes.subarray(0, read)).split("\n");
    // Cut off in the middle, where the file is longer than what was read.
    if (start > 0) lines.shift();
    if (lines.at(-1) === "") lines.pop();
    return lines.slice(-count);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
