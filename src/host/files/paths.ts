/**
 * Where ralph keeps its files, after the XDG Base Directory Specification: data that matters under
 * XDG_DATA_HOME, logs under XDG_STATE_HOME. RALPH_STATE is one folder in place of both, which can be
 * taken to another machine.
 */
import { createHash } from "node:crypto";
import { lstatSync } from "node:fs";
import * as path from "node:path";
import { RalphError } from "../../error.ts";
import { whyNotWritten } from "./why_not_written.ts";
import { seeWhatItIs, shellWord } from "../../terminal/shell_word.ts";

/** The variable that names one folder for all of ralph's files. */
export const STATE_VARIABLE = "RALPH_STATE";

/** In any POSIX shell: without HOME a `~` alone is nothing to some of them, such as dash. */
const HOME_AGAIN = 'export HOME="$(eval echo "~$(id -un)")"';

export interface Paths {
  /** The SQLite file. */
  database: string;
  locks: string;
  /** Of turns at once, by server. */
  places: string;
  signals: string;
  logs: string;
  /** What a session's workers must remember beside the database, by task. */
  kept: string;
  /** The reports that nobody asked for elsewhere, by task. */
  reports: string;
  /** With nothing in it: what the doctor asks the server about, in place of a project. */
  empty: string;
}

/**
 * Says where the files are; makes nothing. A relative XDG variable is ignored, as the specification
 * asks. Throws `RalphError` (`usage`) when neither the XDG variables nor HOME say where, and for a
 * RALPH_STATE that is relative: other files than those that are meant would be found.
 */
export function pathsFrom(environment: (name: string) => string | undefined): Paths {
  const state = environment(STATE_VARIABLE);
  if (state !== undefined) return pathsIn(absoluteState(state), state);
  const home = environment("HOME");
  const base = (variable: string, ...fallback: string[]): string => {
    const value = environment(variable);
    if (value && path.isAbsolute(value)) return path.join(value, "ralph");
    if (home && path.isAbsolute(home)) return path.join(home, ...fallback, "ralph");
    throw new RalphError(
      "usage",
      `cannot tell where to keep ralph's files: neither ${variable} nor HOME is an absolute path`,
      [{ text: "say where your home folder is", command: HOME_AGAIN }],
    );
  };
  return pathsIn(
    base("XDG_DATA_HOME", ".local", "share"),
    base("XDG_STATE_HOME", ".local", "state"),
  );
}

function absoluteState(folder: string): string {
  if (path.isAbsolute(folder)) return folder;
  throw new RalphError(
    "usage",
    `cannot tell where to keep ralph's files: ${STATE_VARIABLE} is no absolute path`,
    [{ text: "say where the folder is", command: `export ${STATE_VARIABLE}="$PWD/state"` }],
  );
}

function pathsIn(data: string, state: string): Paths {
  return {
    database: path.join(data, "sessions.db"),
    locks: path.join(data, "locks"),
    places: path.join(data, "places"),
    signals: path.join(data, "signals"),
    logs: path.join(state, "logs"),
    kept: path.join(state, "kept"),
    reports: path.join(state, "reports"),
    empty: path.join(state, "empty"),
  };
}

/** The folder that the user is in. Throws `RalphError` (`usage`) when it was removed meanwhile. */
export function currentFolder(): string {
  try {
    return Deno.cwd();
  } catch (error) {
    throw new RalphError("usage", "the folder that you are in is gone", [
      { text: "go to another one", command: "cd" },
    ], { cause: error });
  }
}

/**
 * Makes a folder, and those above it, for its owner alone. Throws `RalphError` (`state`) when it cannot,
 * and where something else is: what is written through a link, or removed, may be anybody's.
 */
export function makePrivateFolder(folder: string): void {
  requireRealFolder(folder);
  makeFolder(folder);
}

/** The same for the folder of a task and the one that all of them are in. */
export function makeTaskFolder(folder: string): void {
  makePrivateFolder(path.dirname(folder));
  makePrivateFolder(folder);
}

/** Throws `RalphError` (`state`) for a link, and for what is no folder; not where nothing is. */
export function requireRealFolder(folder: string): void {
  const facts = factsOf(folder);
  if (!facts || facts.isDirectory()) return;
  const isLink = facts.isSymbolicLink();
  const why = isLink ? "it is a link, and ralph makes none there" : "Not a directory";
  throw new RalphError("state", `cannot use the folder ${folder}: ${why}`, [
    seeWhatItIs(folder),
    ...isLink
      ? [{ text: "remove the link; what it leads to stays", command: `rm ${shellWord(folder)}` }]
      : [],
  ]);
}

/** Undefined where nothing is, or nothing can be looked at: whoever uses it is told why. */
function factsOf(folder: string) {
  try {
    return lstatSync(folder, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** The same for the folder of a task and the one that all of them are in. */
export function requireTaskFolder(folder: string): void {
  requireRealFolder(path.dirname(folder));
  requireRealFolder(folder);
}

/** As `makePrivateFolder`, for a folder that a person may have put elsewhere, with a link. */
export function makeFolder(folder: string): void {
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new RalphError(
      "state",
      `cannot make the folder ${folder}: ${error instanceof Error ? error.message : error}`,
      [whyNotWritten(folder, error)],
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
