/** A file as bytes: places in it, text out of it, edits that leave all other bytes alone. */
export interface PrdFile {
  path: string;
  bytes: Uint8Array;
}

export interface Source extends PrdFile {
  /** What the file holds, as errors name it. */
  readonly what: string;
  /** One character for each byte, whatever the encoding: a position in it is a byte offset. */
  readonly view: string;
  /** The byte offset at which each line begins, after a byte order mark. */
  readonly lineStarts: readonly number[];
}

/** Puts `text` in place of the bytes from `start` to before `end`. */
export interface Edit {
  start: number;
  end: number;
  text: string | Uint8Array;
}

/** The text between two byte offsets. Bytes that are not UTF-8 become U+FFFD. */
export function textAt({ bytes, view }: Source, start: number, end: number): string {
  const slice = view.slice(start, end);
  return /[\x80-\xff]/.test(slice) ? new TextDecoder().decode(bytes.subarray(start, end)) : slice;
}

/** The number of the line that holds the byte at `offset`, from 1. */
export function lineAt({ lineStarts }: Source, offset: number): number {
  let low = 0;
  let high = lineStarts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (lineStarts[middle] <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}

/** The bytes with the edits made; they must be in order and apart. */
export function applyEdits(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  const parts = edits.map(({ text, ...place }) => ({
    ...place,
    text: typeof text === "string" ? new TextEncoder().encode(text) : text,
  }));
  const growth = parts.reduce((sum, { start, end, text }) => sum + text.length - (end - start), 0);
  const edited = new Uint8Array(bytes.length + growth);
  let from = 0;
  let to = 0;
  const append = (part: Uint8Array) => {
    edited.set(part, to);
    to += part.length;
  };
  for (const { start, end, text } of parts) {
    append(bytes.subarray(from, start));
    append(text);
    from = end;
  }
  append(bytes.subarray(from));
  return edited;
}
