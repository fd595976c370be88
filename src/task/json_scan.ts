/**
 * JSON (RFC 8259) with the place of every value, which `JSON.parse` does not give. Runs on
 * `Source.view`: the structure is ASCII, and text is decoded where it is cut out.
 */
import { plain } from "../terminal/plain.ts";
import { prdError, type Source, textAt } from "./source.ts";

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
  const { view } = source;
  let at = source.lineStarts[0];

  const fault = (reason: string, offset = at) =>
    prdError(source, offset, `it is not valid JSON: ${reason}`);

  function match(pattern: RegExp): string | undefined {
    pattern.lastIndex = at;
    const found = pattern.exec(view)?.[0];
    at += found?.length ?? 0;
    return found;
  }

  function unexpected(wanted: string) {
    if (at >= view.length) return fault(`the file ends where ${wanted} should be`);
    if (view.startsWith("//", at) || view.startsWith("/*", at) || view[at] === "#") {
      return fault("JSON has no comments");
    }
    const found = String.fromCodePoint(textAt(source, at, at + 4).codePointAt(0) ?? 0);
    return fault(`\`${plain(found)}\` stands where ${wanted} should be`);
  }

  function value(depth: number): JsonNode {
    match(SPACE);
    if (depth > DEPTH_MAX) throw fault(`it is nested more than ${DEPTH_MAX} levels deep`);
    const start = at;
    if (view[at] === "{") {
      const members = sequence("}", () => member(depth));
      return { type: "object", start, end: at, members };
    }
    if (view[at] === "[") {
      const items = sequence("]", () => value(depth + 1));
      return { type: "array", start, end: at, items };
    }
    if (view[at] === '"') return { type: "string", value: string(), start, end: at };
    const word = match(WORD);
    if (word === undefined) throw unexpected("a value");
    if (word === "null") return { type: "null", start, end: at };
    if (word === "true" || word === "false") {
      return { type: "boolean", value: word === "true", start, end: at };
    }
    return { type: "number", value: Number(word), start, end: at };
  }

  function member(depth: number): JsonMember {
    match(SPACE);
    const keyStart = at;
    if (view[at] !== '"') throw unexpected('a name in `"`');
    const key = string();
    const keyEnd = at;
    match(SPACE);
    if (view[at] !== ":") throw unexpected("`:`");
    at++;
    return { key, keyStart, keyEnd, value: value(depth + 1) };
  }

  /** What stands between brackets, `at` being on the first one; leaves it after the last one. */
  function sequence<T>(close: "}" | "]", next: () => T): T[] {
    const parts: T[] = [];
    at++;
    match(SPACE);
    while (view[at] !== close) {
      parts.push(next());
      match(SPACE);
      if (view[at] === close) break;
      if (view[at] !== ",") throw unexpected(`\`,\` or \`${close}\``);
      const comma = at++;
      match(SPACE);
      if (view[at] === close) throw fault(`a comma stands before \`${close}\``, comma);
    }
    at++;
    return parts;
  }

  function string(): string {
    const start = at++;
    let escaped = false;
    while (view[at] !== '"') {
      if (at >= view.length) throw fault("a string begins here and never ends", start);
      if (view[at] < " ") {
        throw fault(`a string holds \`${plain(view[at])}\`, which it may only hold as an escape`);
      }
      if (view[at] !== "\\") at++;
      else if (match(ESCAPE) === undefined) throw fault("a string holds an unknown escape");
      else escaped = true;
    }
    at++;
    const text = textAt(source, start, at);
    return escaped ? JSON.parse(text) : text.slice(1, -1);
  }

  match(SPACE);
  if (at >= view.length) throw fault("the file is empty");
  const root = value(0);
  match(SPACE);
  if (at < view.length) throw unexpected("the end of the file");
  return root;
}
