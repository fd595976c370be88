/**
 * The file that the server's password is in: `ralph/server.env` in the configuration folder. The
 * unit gives it to the server (EnvironmentFile=, systemd.exec(5)), and ralph reads the same.
 */
import * as path from "node:path";
import { textOf } from "./files.ts";

export interface ServerEnv {
  readonly path: string;
  readonly password?: string;
  readonly username?: string;
  /** What the file holds, used or not. */
  readonly inFile?: string;
  /** Others than its owner may read the file. */
  readonly isOpen: boolean;
  /** Where the password comes from; undefined when there is none. */
  readonly source?: "variable" | "file";
}

const PASSWORD = "OPENCODE_SERVER_PASSWORD";
const USERNAME = "OPENCODE_SERVER_USERNAME";

/** The password and the user name: of the environment, else of the file. */
export function serverEnv(environment: (name: string) => string | undefined): ServerEnv {
  const file = path.join(configFolder(environment), "server.env");
  const values = valuesOf(file);
  const inFile = values.get(PASSWORD);
  const inVariable = environment(PASSWORD);
  return {
    path: file,
    inFile,
    isOpen: isOpen(file),
    password: inVariable ?? inFile,
    username: environment(USERNAME) ?? values.get(USERNAME),
    source: inVariable !== undefined ? "variable" : inFile !== undefined ? "file" : undefined,
  };
}

function valuesOf(file: string): ReadonlyMap<string, string> {
  const text = textOf(file);
  return text === undefined ? new Map() : parseEnvironmentFile(text);
}

/** Where ralph's settings are, after the XDG Base Directory Specification. */
export function configFolder(environment: (name: string) => string | undefined): string {
  const base = environment("XDG_CONFIG_HOME");
  return base !== undefined && path.isAbsolute(base)
    ? path.join(base, "ralph")
    : path.join(environment("HOME") ?? "/", ".config", "ralph");
}

/** `NAME=value` in each line, as systemd reads it: comments, blanks and quotes; no variables. */
export function parseEnvironmentFile(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, name, value] = /^\s*([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined) continue;
    values.set(name, /^(["'])(.*)\1$/s.exec(value)?.[2] ?? value);
  }
  return values;
}

function isOpen(file: string): boolean {
  try {
    return ((Deno.statSync(file).mode ?? 0) & 0o077) !== 0;
  } catch {
    return false;
  }
}
