/** The start and the end of an output of any length, in bounded memory. */

/** What came first says which command ran; what came last says how it ended. */
const START_MAX_BYTES = 32 * 1024;
const END_MAX_BYTES = 224 * 1024;

interface OutputEnds {
  add(chunk: Uint8Array): void;
  /**
   * What was added, as text; bytes that are not UTF-8 become U+FFFD. When the middle was dropped, a
   * line says so, and the lines next to it are whole where there are lines.
   */
  text(): string;
}

/** Keeps the first 32 KiB and the last 224 KiB of what is added. */
export function keepEnds(): OutputEnds {
  const start = new Uint8Array(START_MAX_BYTES);
  /** A ring: the byte number `n` after the start is at `n % END_MAX_BYTES`. */
  const end = new Uint8Array(END_MAX_BYTES);
  let startLength = 0;
  let endLength = 0;

  function add(chunk: Uint8Array): void {
    const first = chunk.subarray(0, START_MAX_BYTES - startLength);
    start.set(first, startLength);
    startLength += first.length;
    const rest = chunk.subarray(first.length);
    const kept = rest.subarray(-END_MAX_BYTES);
    endLength += rest.length - kept.length;
    const at = endLength % END_MAX_BYTES;
    const untilWrap = kept.subarray(0, END_MAX_BYTES - at);
    end.set(untilWrap, at);
    end.set(kept.subarray(untilWrap.length), 0);
    endLength += kept.length;
  }

  function text(): string {
    const head = start.subarray(0, startLength);
    if (endLength <= END_MAX_BYTES) return decode(head, end.subarray(0, endLength));
    const at = endLength % END_MAX_BYTES;
    const before = decode(head);
    const after = decode(end.subarray(at), end.subarray(0, at));
    const total = (startLength + endLength).toLocaleString("en");
    return [
      before.slice(0, before.lastIndexOf("\n")),
      `… the middle is left out, of ${total} bytes in all …`,
      after.slice(after.indexOf("\n") + 1),
    ].join("\n");
  }

  return { add, text };
}

function decode(...parts: readonly Uint8Array[]): string {
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
}
