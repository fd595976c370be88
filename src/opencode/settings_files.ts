/** The settings of OpenCode that a project has. */
import * as path from "node:path";
import { parse } from "jsonc-parser";
import { syntaxFault } from "./settings_fault.ts";

export interface SettingsFile {
  name: string;
  /** What is malformed in it, with its path and line; safe to show. */
  fault?: string;
}

/** A project's files, without a server. What cannot be read is not there. */
export interface ProjectFiles {
  readonly root: string;
  /** The names in a folder. */
  readonly list: (folder: string) => readonly string[];
  readonly readText: (path: string) => string | undefined;
}

/** Where OpenCode looks in a project's root, in the order in which they count (1.1.53, 1.18.33). */
const NAMES = ["opencode.json", "opencode.jsonc"]
  .flatMap((name) => [name, path.join(".opencode", name)]);

/** Those that are there; a server that runs may have read them as they were before. */
export function openCodeSettings(
  root: string,
  readText: (path: string) => string | undefined,
): readonly SettingsFile[] {
  return textsIn({ root, readText }).map(({ name, text }) => ({
    name,
    fault: syntaxFault(path.join(root, name), text),
  }));
}

/** What they say: an object each, which is empty where nothing can be made of a file. */
export function projectSettings(
  files: Pick<ProjectFiles, "root" | "readText">,
): readonly { name: string; value: object }[] {
  return textsIn(files).map(({ name, text }) => {
    const value: unknown = parse(text);
    return { name, value: isObject(value) ? value : {} };
  });
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function textsIn({ root, readText }: Pick<ProjectFiles, "root" | "readText">) {
  return NAMES.flatMap((name) => {
    const text = readText(path.join(root, name));
    return text === undefined ? [] : [{ name, text }];
  });
}
