/** A file as bytes: places in it, text out of it, edits that leave all other bytes alone. */
import { type Hint, RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";

/** The UTF-8 byte order mark, as it looks in `Source.view`. */
const BOM = "\xef\xbb\xbf";
const UTF16_BOMS = ["\xff\xfe", "\xfe\xff"];
/** Arguments of one call: more overflow the stack. */
const CHUNK = 4096;

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

/** Prepares a file for reading. Throws `RalphError` (`usage`) for UTF-16. */
export function openSource({ path, bytes }: PrdFile, what = "the PRD"): Source {
  const view = byteView(bytes);
  const lineStarts = [view.startsWith(BOM) ? BOM.length : 0];
  for (const end of view.matchAll(/\r\n?|\n/g)) lineStarts.push(end.index + end[0].length);
  const source = { path, bytes, what, view, lineStarts };
  if (UTF16_BOMS.some((bom) => view.startsWith(bom))) {
    throw prdError(source, 0, "it is UTF-16", [{ text: "save it as UTF-8" }]);
  }
  return source;
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

/** The error for a file that is wrong at `offset`. Columns count characters, from 1. */
export function prdError(
  source: Source,
  offset: number,
  reason: string,
  hints: readonly Hint[] = [],
): RalphError {
  const line = lineAt(source, offset);
  const column = textAt(source, source.lineStarts[line - 1], offset).length + 1;
  const place = `${plain(source.path)}:${line}:${column}`;
  return new RalphError("usage", `cannot read ${source.what} at ${place}: ${reason}`, hints);
}

/** Throws `RalphError` (`usage`) at the first byte that is not UTF-8. */
export function requireUtf8(source: Source): void {
  if (isUtf8(source.bytes)) return;
  let low = 0;
  let high = source.bytes.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    // an unfinished character at the end is no fault yet
    if (isUtf8(source.bytes.subarray(0, middle), { unfinished: true })) low = middle;
    else high = middle;
  }
  throw prdError(source, low, "the text is not UTF-8 here", [{ text: "save it as UTF-8" }]);
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

/** TextDecoder's `latin1` will not do: it is windows-1252, and maps 0x80 to 0x9f elsewhere. */
function byteView(bytes: Uint8Array): string {
  let view = "";
  for (let start = 0; start < bytes.length; start += CHUNK) {
    // three times as fast as spreading them
    view += Reflect.apply(String.fromCharCode, null, bytes.subarray(start, start + CHUNK));
  }
  return view;
}

function isUtf8(bytes: Uint8Array, { unfinished = false } = {}): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: unfinished });
    return true;
  } catch {
    return false;
  }
}
