/** A repository's own settings and hooks, as its files have them: no git is asked, since it is looked twice a turn. */
import { createHash } from "node:crypto";
import * as path from "node:path";
import { readWhole, textOf } from "../files/read_file.ts";
import { gitFolders } from "./git_folder.ts";

export interface GitSetup {
  /** By name, as `core.hookspath`; several values of one are joined by line ends. */
  readonly settings: ReadonlyMap<string, string>;
  /** The hooks in the repository's own folder, by name: what they hold, and whether they run. */
  readonly hooks: ReadonlyMap<string, string>;
  /** Names of the hooks that git runs, wherever they are. */
  readonly running: ReadonlySet<string>;
}

/** More of them are not looked at. */
const HOOKS_MAX = 100;
const HOOK_BYTES_MAX = 1_000_000;

/** Undefined where the root has no repository of its own, or its files cannot be read. */
export function gitSetup(root: string): GitSetup | undefined {
  const folders = gitFolders(root);
  const text = folders && textOf(path.join(folders.common, "config"));
  if (!folders || text === undefined) return undefined;
  const own = settingsIn(text);
  const ofTree = own.get("extensions.worktreeconfig") === undefined
    ? undefined
    : textOf(path.join(folders.git, "config.worktree"));
  const settings = new Map([...own, ...settingsIn(ofTree ?? "")]);
  const hooks = hooksIn(path.join(folders.common, "hooks"));
  const elsewhere = settings.get("core.hookspath");
  const used = elsewhere === undefined ? hooks : hooksIn(path.resolve(root, elsewhere));
  const running = [...used].filter(([, mark]) => mark.startsWith(RUNS)).map(([name]) => name);
  return { settings, hooks, running: new Set(running) };
}

/**
 * The settings of a file as git writes it (git-config(1)). Values are compared, so that a form of which this
 * reads too little only hides a change of it.
 */
export function settingsIn(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  let section = "";
  for (const line of text.replaceAll(/\\\r?\n/g, "").split(/\r?\n/)) {
    const [, name, sub] = /^\s*\[([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\]/.exec(line) ?? [];
    if (name !== undefined) {
      section = name.toLowerCase() + (sub === undefined ? "" : `.${sub}`);
    }
    const rest = name === undefined ? line : line.slice(line.indexOf("]") + 1);
    const [, key, value = "true"] = /^\s*([A-Za-z][\w-]*)\s*(?:=\s*(.*?)\s*)?$/.exec(rest) ?? [];
    if (key === undefined) continue;
    const full = `${section}.${key.toLowerCase()}`;
    const before = settings.get(full);
    const bare = value.replace(/^"(.*)"$/, "$1");
    settings.set(full, before === undefined ? bare : `${before}\n${bare}`);
  }
  return settings;
}

const RUNS = "runs ";

/** Of each its content, and whether git may run it; samples, which it does not run, are none. */
function hooksIn(folder: string): ReadonlyMap<string, string> {
  const hooks = new Map<string, string>();
  for (const name of namesIn(folder)) {
    if (name.endsWith(".sample") || hooks.size >= HOOKS_MAX) continue;
    const mark = hookMark(path.join(folder, name));
    if (mark !== undefined) hooks.set(name, mark);
  }
  return hooks;
}

function namesIn(folder: string): readonly string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name);
  } catch {
    return []; // no such folder, as `/dev/null` is none: git runs no hook
  }
}

function hookMark(file: string): string | undefined {
  try {
    const { isFile, mode, size, mtime } = Deno.statSync(file);
    if (!isFile) return undefined;
    const bytes = size > HOOK_BYTES_MAX ? undefined : readWhole(file, HOOK_BYTES_MAX);
    const content = bytes
      ? createHash("sha256").update(bytes).digest("hex")
      : `${size} ${mtime?.getTime()}`;
    return ((mode ?? 0) & 0o111) === 0 ? content : RUNS + content;
  } catch {
    return undefined; // a link to nothing, or gone again
  }
}
