/** A file as it comes, made ready for reading: its bytes as characters, its lines, its encoding. */
import { prdError } from "./faults.ts";
import type { PrdFile, Source } from "./source.ts";

/** The UTF-8 byte order mark, as it looks in `Source.view`. */
const BOM = "\xef\xbb\xbf";
const UTF16_BOMS = ["\xff\xfe", "\xfe\xff"];
/** Arguments of one call: more overflow the stack. */
const CHUNK = 4096;

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
