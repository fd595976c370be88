/**
 * The file that the server's password is in: `ralph/server.env` in the configuration folder. The
 * unit gives it to the server (EnvironmentFile=, systemd.exec(5)), and ralph reads the same.
 */
import * as path from "node:path";
import { baseFolders } from "./base_folders.ts";
import { readWhole } from "../files/read_file.ts";

export interface ServerEnv {
  readonly path: string;
  readonly password?: string;
  readonly username?: string;
  /** What the file holds, used or not. */
  readonly inFile?: string;
  /** Why the file cannot be read. */
  readonly problem?: string;
  /** Why the password that the file seems to have is none, for systemd as for ralph. */
  readonly unread?: string;
  /** Others than its owner may read the file. */
  readonly isOpen: boolean;
  /** Where the password comes from; undefined when there is none. */
  readonly source?: "variable" | "file";
  /** The name that it has there. */
  readonly name: string;
}

/** In bytes. */
const BYTES_MAX = 64 * 1024;
/** OpenCode 2 takes either; the first is that of OpenCode 1 (measured). */
const PASSWORDS = ["OPENCODE_SERVER_PASSWORD", "OPENCODE_PASSWORD"];
const USERNAME = "OPENCODE_SERVER_USERNAME";

/** The password and the user name: of the environment, else of the file. */
export function serverEnv(environment: (name: string) => string | undefined): ServerEnv {
  const file = path.join(configFolder(environment), "server.env");
  const { values, problem, unread } = readValues(file);
  // An empty one is none: OpenCode 1 asks for no password then (1.18.34, measured).
  const inFile = PASSWORDS.map((name) => values.get(name)).find((one) => one);
  const variable = PASSWORDS.find((name) => environment(name));
  const inVariable = variable && environment(variable);
  return {
    path: file,
    inFile,
    problem,
    unread,
    isOpen: isOpen(file),
    password: inVariable ?? inFile,
    username: environment(USERNAME) ?? values.get(USERNAME),
    name: variable ?? PASSWORDS[0],
    source: inVariable !== undefined ? "variable" : inFile !== undefined ? "file" : undefined,
  };
}

function readValues(
  file: string,
): { values: ReadonlyMap<string, string>; problem?: string; unread?: string } {
  try {
    const bytes = readWhole(file, BYTES_MAX);
    const text = decode(bytes);
    if (text === undefined) return { values: new Map(), problem: "it is not UTF-8" };
    const values = parseEnvironmentFile(text);
    return { values, unread: whyUnread(text, values) };
  } catch (error) {
    return { values: new Map(), problem: error instanceof Error ? error.message : String(error) };
  }
}

/** A byte order mark is kept, as systemd does; undefined for what systemd does not read at all. */
function decode(bytes: Uint8Array | undefined): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Why a line that names a password gives none. */
function whyUnread(text: string, values: ReadonlyMap<string, string>): string | undefined {
  if (PASSWORDS.some((name) => values.get(name))) return undefined;
  const empty = PASSWORDS.find((name) => values.has(name));
  if (empty !== undefined) return `${empty} is empty`;
  const [, before] = /^(.*)\bOPENCODE_(?:SERVER_)?PASSWORD\s*=/m.exec(text) ?? [];
  if (before === undefined || /^\s*[#;]/.test(before)) return undefined;
  return before.startsWith("\uFEFF")
    ? "systemd ignores its first line, which begins with a byte order mark"
    : "systemd ignores the line of the password, which does not begin with its name";
}

/** Where ralph's settings are, after the XDG Base Directory Specification. */
export function configFolder(environment: (name: string) => string | undefined): string {
  return path.join(baseFolders(environment, environment("HOME") ?? "/").XDG_CONFIG_HOME, "ralph");
}

/** Ends a line for systemd (`NEWLINE` in its src/basic/string-util.h). */
const isLineEnd = (char: string) => char === "\n" || char === "\r";
const isBlank = (char: string) => char === " " || char === "\t";
/** What a backslash takes its meaning from between double quotes, as in a shell. */
const ESCAPED = '"\\`$';

/**
 * The variables of an EnvironmentFile=, read as systemd reads it (systemd.exec(5)): comments, quotes,
 * backslashes, values over several lines; no variables. Names that are none are left out.
 */
export function parseEnvironmentFile(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let at = 0;
  while (at < text.length) {
    const start = text.slice(at).search(/[^ \t\n\r]/);
    if (start < 0) break;
    at += start;
    const end = lineEnd(text, at);
    const equals = text.indexOf("=", at);
    if (/[#;]/.test(text[at]) || equals < 0 || equals > end) {
      at = end;
      continue;
    }
    const name = text.slice(at, equals).replace(/[ \t]+$/, "");
    const [value, next] = readValue(text, equals + 1);
    if (/^[A-Za-z_]\w*$/.test(name)) values.set(name, value);
    at = next;
  }
  return values;
}

function lineEnd(text: string, from: number): number {
  const length = text.slice(from).search(/[\n\r]/);
  return length < 0 ? text.length : from + length;
}

/** The value that begins at `at`, and where what follows it begins. */
function readValue(text: string, at: number): [value: string, next: number] {
  let value = "";
  /** Blanks at the end of a value that is not quoted do not count. */
  let kept = 0;
  let isBare = false;
  for (; at < text.length && !isLineEnd(text[at]); at++) {
    const char = text[at];
    if (char === "\\") {
      isBare = true;
      at++;
      if (at < text.length && !isLineEnd(text[at])) value += text[at];
      kept = value.length;
    } else if (!isBare && (char === "'" || char === '"')) {
      const [quoted, close] = char === "'" ? readSingle(text, at + 1) : readDouble(text, at + 1);
      value += quoted;
      kept = value.length;
      at = close;
    } else if (isBare || !isBlank(char)) {
      isBare = true;
      value += char;
      if (!isBlank(char)) kept = value.length;
    }
  }
  return [value.slice(0, kept), at];
}

function readSingle(text: string, from: number): [value: string, close: number] {
  const close = text.indexOf("'", from);
  return close < 0 ? [text.slice(from), text.length] : [text.slice(from, close), close];
}

function readDouble(text: string, from: number): [value: string, close: number] {
  let value = "";
  let at = from;
  for (; at < text.length && text[at] !== '"'; at++) {
    if (text[at] !== "\\") {
      value += text[at];
      continue;
    }
    const next = text[++at] ?? "";
    if (ESCAPED.includes(next)) value += next;
    else if (next !== "\n") value += `\\${next}`;
  }
  return [value, at];
}

function isOpen(file: string): boolean {
  try {
    return ((Deno.statSync(file).mode ?? 0) & 0o077) !== 0;
  } catch {
    return false;
  }
}
