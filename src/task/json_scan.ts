/**
 * JSON (RFC 8259) with the place of every value, which `JSON.parse` does not give. Runs on
 * `Source.view`: the structure is ASCII, and text is decoded where it is cut out.
 */
import { plain } from "../terminal/plain.ts";
import { prdError } from "./faults.ts";
import { type Source, textAt } from "./source.ts";

/** The bytes from `start` to before `end`. */
interface Span {
  start: number;
  end: number;
}

export interface JsonObject extends Span {
  type: "object";
  members: readonly JsonMember[];
}

export type JsonNode =
  | JsonObject
  | Span & { type: "array"; items: readonly JsonNode[] }
  | Span & { type: "string"; value: string }
  | Span & { type: "number"; value: number }
  | Span & { type: "boolean"; value: boolean }
  | Span & { type: "null" };

export interface JsonMember {
  key: string;
  keyStart: number;
  keyEnd: number;
  value: JsonNode;
}

/** Deeper than any PRD, and far from the end of the stack. */
const DEPTH_MAX = 200;
const SPACE = /[ \t\r\n]*/y;
const WORD = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/**
 * The document's one value. The source must be UTF-8. Throws `RalphError` (`usage`) with the place
 * of the first fault.
 */
export function scanJson(source: Source): JsonNode {
  const text = cursorIn(source);
  text.skipSpace();
  if (text.isAtEnd()) throw text.fault("the file is empty");
  const root = scanValue(text, 0);
  text.skipSpace();
  if (!text.isAtEnd()) throw text.unexpected("the end of the file");
  return root;
}

function scanValue(text: Cursor, depth: number): JsonNode {
  text.skipSpace();
  if (depth > DEPTH_MAX) throw text.fault(`it is nested more than ${DEPTH_MAX} levels deep`);
  const start = text.at();
  switch (text.sign()) {
    case "{": {
      const members = scanSequence(text, "}", () => scanMember(text, depth));
      return { type: "object", start, end: text.at(), members };
    }
    case "[": {
      const items = scanSequence(text, "]", () => scanValue(text, depth + 1));
      return { type: "array", start, end: text.at(), items };
    }
    case '"':
      return { type: "string", value: scanString(text), start, end: text.at() };
  }
  const word = text.take(WORD);
  if (word === undefined) throw text.unexpected("a value");
  const end = text.at();
  if (word === "null") return { type: "null", start, end };
  if (word === "true" || word === "false") {
    return { type: "boolean", value: word === "true", start, end };
  }
  return { type: "number", value: Number(word), start, end };
}

function scanMember(text: Cursor, depth: number): JsonMember {
  text.skipSpace();
  const keyStart = text.at();
  if (text.sign() !== '"') throw text.unexpected('a name in `"`');
  const key = scanString(text);
  const keyEnd = text.at();
  text.skipSpace();
  if (text.sign() !== ":") throw text.unexpected("`:`");
  text.step();
  return { key, keyStart, keyEnd, value: scanValue(text, depth + 1) };
}

/** What stands between brackets, the cursor being on the first one; leaves it after the last one. */
function scanSequence<T>(text: Cursor, close: "}" | "]", next: () => T): T[] {
  const parts: T[] = [];
  text.step();
  text.skipSpace();
  while (text.sign() !== close) {
    parts.push(next());
    text.skipSpace();
    if (text.sign() === close) break;
    if (text.sign() !== ",") throw text.unexpected(`\`,\` or \`${close}\``);
    const comma = text.at();
    text.step();
    text.skipSpace();
    if (text.sign() === close) throw text.fault(`a comma stands before \`${close}\``, comma);
  }
  text.step();
  return parts;
}

function scanString(text: Cursor): string {
  const start = text.at();
  text.step();
  let escaped = false;
  for (let sign = text.sign(); sign !== '"'; sign = text.sign()) {
    if (sign === undefined) throw text.fault("a string begins here and never ends", start);
    if (sign < " ") {
      throw text.fault(`a string holds \`${plain(sign)}\`, which it may only hold as an escape`);
    }
    if (sign !== "\\") text.step();
    else if (text.take(ESCAPE) === undefined) throw text.fault("a string holds an unknown escape");
    else escaped = true;
  }
  text.step();
  const quoted = text.since(start);
  return escaped ? JSON.parse(quoted) : quoted.slice(1, -1);
}

type Cursor = ReturnType<typeof cursorIn>;

/** A place in the text that moves on, and the errors for what stands there. */
function cursorIn(source: Source) {
  const { view } = source;
  let at = source.lineStarts[0];

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = at;
    const found = pattern.exec(view)?.[0];
    at += found?.length ?? 0;
    return found;
  }

  const fault = (reason: string, offset = at) =>
    prdError(source, offset, `it is not valid JSON: ${reason}`);

  return {
    at: () => at,
    /** The byte here; undefined at the end. */
    sign: (): string | undefined => view[at],
    isAtEnd: () => at >= view.length,
    step: () => void at++,
    /** What matches here, which is then passed. */
    take,
    skipSpace: () => void take(SPACE),
    since: (start: number) => textAt(source, start, at),
    fault,
    unexpected(wanted: string) {
      if (at >= view.length) return fault(`the file ends where ${wanted} should be`);
      if (view.startsWith("//", at) || view.startsWith("/*", at) || view[at] === "#") {
        return fault("JSON has no comments");
      }
      const found = String.fromCodePoint(textAt(source, at, at + 4).codePointAt(0) ?? 0);
      return fault(`\`${plain(found)}\` stands where ${wanted} should be`);
    },
  };
}
