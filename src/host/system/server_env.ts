/**
 * The file that the server's password is in: `ralph/server.env` in the configuration folder. The
 * unit gives it to the server (EnvironmentFile=, systemd.exec(5)), and ralph reads the same.
 */
import * as path from "node:path";
import { readWhole } from "../files/read_file.ts";

export interface ServerEnv {
  readonly path: string;
  readonly password?: string;
  readonly username?: string;
  /** What the file holds, used or not. */
  readonly inFile?: string;
  /** Why the file cannot be read. */
  readonly problem?: string;
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
  const { values, problem } = readValues(file);
  const inFile = PASSWORDS.map((name) => values.get(name)).find((one) => one !== undefined);
  const variable = PASSWORDS.find((name) => environment(name) !== undefined);
  const inVariable = variable && environment(variable);
  return {
    path: file,
    inFile,
    problem,
    isOpen: isOpen(file),
    password: inVariable ?? inFile,
    username: environment(USERNAME) ?? values.get(USERNAME),
    name: variable ?? PASSWORDS[0],
    source: inVariable !== undefined ? "variable" : inFile !== undefined ? "file" : undefined,
  };
}

function readValues(file: string): { values: ReadonlyMap<string, string>; problem?: string } {
  try {
    return { values: parseEnvironmentFile(new TextDecoder().decode(readWhole(file, BYTES_MAX))) };
  } catch (error) {
    return { values: new Map(), problem: error instanceof Error ? error.message : String(error) };
  }
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
