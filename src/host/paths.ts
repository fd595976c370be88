/**
 * Where ralph keeps its files, after the XDG Base Directory Specification: data that matters under
 * XDG_DATA_HOME, logs under XDG_STATE_HOME.
 */
import { createHash } from "node:crypto";
import * as path from "node:path";
import { RalphError } from "../error.ts";

export interface Paths {
  /** The SQLite file. */
  database: string;
  locks: string;
  signals: string;
  logs: string;
  /** What a session's workers must remember beside the database, by task. */
  kept: string;
}

/**
 * Says where the files are; makes nothing. A relative XDG variable is ignored, as the specification
 * asks. Throws `RalphError` (`usage`) when neither the XDG variables nor HOME say where.
 */
export function pathsFrom(environment: (name: string) => string | undefined): Paths {
  const home = environment("HOME");
  const base = (variable: string, ...fallback: string[]): string => {
    const value = environment(variable);
    if (value && path.isAbsolute(value)) return path.join(value, "ralph");
    if (home && path.isAbsolute(home)) return path.join(home, ...fallback, "ralph");
    throw new RalphError(
      "usage",
      `cannot tell where to keep ralph's files: neither ${variable} nor HOME is an absolute path`,
      [{ text: "say where your home folder is", command: "export HOME=~" }],
    );
  };
  const data = base("XDG_DATA_HOME", ".local", "share");
  const state = base("XDG_STATE_HOME", ".local", "state");
  return {
    database: path.join(data, "sessions.db"),
    locks: path.join(data, "locks"),
    signals: path.join(data, "signals"),
    logs: path.join(state, "logs"),
    kept: path.join(state, "kept"),
  };
}

/** Makes a folder, and those above it, for its owner alone. */
export function makePrivateFolder(folder: string): void {
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new RalphError(
      "state",
      `cannot make the folder ${folder}: ${error instanceof Error ? error.message : error}`,
      [{ text: "see who may write there", command: `ls -ld '${path.dirname(folder)}'` }],
      { cause: error },
    );
  }
}

/**
 * A file name that stands for a task: readable, and different for each folder. The lock and the
 * logs of a task go by it.
 */
export function taskKey(task: { name: string; dir: string }): string {
  const hash = createHash("sha256").update(task.dir).digest("hex").slice(0, 12);
  const readable = task.name.replaceAll(/[^A-Za-z0-9._-]/g, "_").slice(0, 60);
  return `${readable}-${hash}`;
}
