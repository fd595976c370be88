/**
 * Protected files, kept: what they hold when a session begins is put outside the project. When one
 * differs later, the gates run also in a copy of the project in which they are as they were.
 */
import { createHash } from "node:crypto";
import * as path from "node:path";
import { RalphError } from "../../error.ts";
import type { FileState } from "../../host/files/file_state.ts";
import type { ProjectFiles } from "../../host/files/project_files.ts";
import { gateKey } from "../../task/gate.ts";
import { plain } from "../../terminal/plain.ts";
import {
  findProtected,
  type ProtectedPlaces,
  type Protection,
  SETTINGS_FILE,
  type Wanted,
} from "./find_protected.ts";
import { type KeptFile, type KeptIndex, readKept, writeKept } from "./kept_files.ts";
import { type Entries, type EntryField, putBackEntries, readEntries } from "./script_entries.ts";

export interface ProtectOrder extends ProtectedPlaces {
  /** Outside the project, private, one for each task: only the task's worker may use it. */
  readonly folder: string;
  /** What another session has kept in `folder` is thrown away. */
  readonly session: string;
  /** Which files are kept in `folder`. It has their hashes: it alone has to be told from a forged one. */
  readonly index: KeptIndex;
}

export interface ProtectedFiles {
  readonly root: string;
  readonly folder: string;
  readonly files: readonly KeptFile[];
  /** What was found when it was looked; undefined where all was kept before. */
  readonly found?: Protection;
}

interface ProtectedChange {
  readonly path: string;
  /** Such as "`check.sh` was changed"; safe to print. */
  readonly words: string;
}

const FILES_MAX = 20_000;
const BYTES_MAX = 1024 ** 3;
const SHOWN_MAX = 120;

/**
 * Keeps the protected files when a session begins. When it is continued, what was kept stays, and only
 * what gates or globs name that are new is added. Removes a copy that a crash left behind. Throws
 * `RalphError`: `failed` when git cannot list the files, `usage` when there are too many to keep, and
 * `state` when what was kept cannot be read: the agent may have changed what is there now.
 */
export async function keepProtectedFiles(
  order: ProtectOrder,
  tools: ProjectFiles,
): Promise<ProtectedFiles> {
  const { root, folder } = order;
  await tools.removeTree(scratchFolder(folder));
  const earlier = readKept(order);
  if (!earlier) await tools.removeTree(path.join(folder, "files"));
  const knownGates = new Set(earlier?.gates);
  const gates = order.gates.filter((gate) => !knownGates.has(gateKey(gate)));
  const protect = [SETTINGS_FILE, ...order.protect];
  const sameGlobs = JSON.stringify(earlier?.protect) === JSON.stringify(protect);
  if (earlier && gates.length === 0 && sameGlobs) return { root, folder, files: earlier.files };

  const { wanted, protection: found } = await findProtected({ ...order, gates }, tools);
  const kept = keep(wanted, { order, earlier: earlier?.files ?? [], tools });
  writeKept(order, { gates: [...knownGates, ...gates.map(gateKey)], protect, files: kept });
  return { root, folder, files: kept, found };
}

/** Which of the protected files are not as they were when the session began. */
export function changedProtectedFiles(
  protectedFiles: ProtectedFiles,
  tools: ProjectFiles,
): readonly ProtectedChange[] {
  return protectedFiles.files.flatMap((kept) => changesOf(kept, { protectedFiles, tools }));
}

/**
 * Calls `run` with the root of a copy of the project, in which the protected files are as they were,
 * and removes the copy, however `run` ends. Throws `RalphError` (`failed`) when the project is too
 * big to be copied or there is no room, and `signal.reason` when aborted.
 */
export async function withRestoredTree<T>(
  protectedFiles: ProtectedFiles,
  { tools, signal }: { tools: ProjectFiles; signal?: AbortSignal },
  run: (root: string) => Promise<T>,
): Promise<T> {
  const scratch = scratchFolder(protectedFiles.folder);
  const target = path.join(scratch, path.basename(protectedFiles.root));
  await tools.removeTree(scratch);
  try {
    await tools.copyWorkTree(protectedFiles.root, { target, signal });
    await putBackInto(target, { protectedFiles, tools, signal, wanted: () => true });
    return await run(target);
  } finally {
    try {
      await tools.removeTree(scratch);
    } catch {
      // something that a gate left running writes there still: the next start removes it
    }
  }
}

/**
 * Puts the protected files that are `wanted`, and are not so there, into another tree of the project as
 * they were, and into its last commit: a gate that asks whether all is committed finds what was there. Throws
 * `RalphError` (`state`) when what was kept of one is gone.
 */
export async function putBackInto(
  target: string,
  { protectedFiles, tools, signal, wanted }: {
    protectedFiles: ProtectedFiles;
    tools: ProjectFiles;
    signal?: AbortSignal;
    wanted: (file: string) => boolean;
  },
): Promise<void> {
  const there = { protectedFiles: { ...protectedFiles, root: target }, tools };
  const files: string[] = [];
  for (const kept of protectedFiles.files) {
    if (!wanted(kept.path) || changesOf(kept, there).length === 0) continue;
    const content = contentWanted(kept, there);
    const { path: file, state } = kept;
    tools.putBack({ root: protectedFiles.root, target, file, state, content });
    files.push(file);
  }
  if (files.length > 0) await tools.amendInCopy(target, { files, signal });
}

/** Keeps what is not kept yet, and returns all that is. */
function keep(
  wanted: Wanted,
  { order, earlier, tools }: {
    order: ProtectOrder;
    earlier: readonly KeptFile[];
    tools: ProjectFiles;
  },
): readonly KeptFile[] {
  const { root, folder } = order;
  const byPath = new Map(earlier.map((file) => [file.path, file]));
  let bytesKept = 0;
  const keepContent = (bytes: Uint8Array): string => {
    bytesKept += bytes.length;
    if (byPath.size > FILES_MAX || bytesKept > BYTES_MAX) throw tooMuch();
    const content = `${byPath.size + 1}`;
    tools.writeFile(contentFile(folder, content), bytes);
    return content;
  };
  for (const [file, { only, state: now }] of wanted) {
    const known = byPath.get(file);
    if (known && (!known.only || !only)) continue;
    const bytes = (known?.state ?? now).kind === "file"
      ? tools.readFile(path.join(root, file))
      : undefined;
    // It may have changed since it was looked at: what is kept is what counts.
    const state = known?.state ??
      (now.kind === "file" && bytes ? { ...now, hash: hashOf(bytes) } : now);
    byPath.set(file, {
      path: file,
      state,
      content: known?.content ?? (bytes && keepContent(bytes)),
      only: only && bytes &&
        keptEntries(textOf(bytes) ?? "", { ...only, known: known?.only?.entries }),
    });
  }
  return [...byPath.values()];
}

function keptEntries(
  text: string,
  { field, names, known }: {
    field: EntryField;
    names: ReadonlySet<string>;
    known: Entries | undefined;
  },
): { field: EntryField; entries: Entries } {
  const present = readEntries(text, field);
  const now = Object.fromEntries([...names].map((name) => [name, present?.get(name) ?? null]));
  return { field, entries: { ...now, ...known } };
}

function tooMuch(): RalphError {
  const limit = `${FILES_MAX} files, or ${BYTES_MAX / 1024 ** 3} GiB`;
  return new RalphError(
    "usage",
    `cannot keep the files that \`protect\` and the gates name: they are more than ${limit}`,
    [{ text: "name fewer of them in `protect` of ralph.json" }],
  );
}

function changesOf(
  kept: KeptFile,
  { protectedFiles, tools }: { protectedFiles: ProtectedFiles; tools: ProjectFiles },
): readonly ProtectedChange[] {
  const file = path.join(protectedFiles.root, kept.path);
  const change = (what: string, how: string) => [{ path: kept.path, words: `${what} ${how}` }];
  if (kept.only) {
    const { field, entries } = kept.only;
    const now = readEntries(textOf(tools.readFile(file)) ?? "", field);
    if (!now) return change(shown(kept.path), "cannot be read any more");
    return Object.entries(entries).flatMap(([name, json]) => {
      const present = now.get(name) ?? null;
      if (present === json) return [];
      const how = present === null ? "was removed" : json === null ? "was added" : "was changed";
      return change(entryName(name, kept.path), how);
    });
  }
  const how = difference(kept.state, tools.fileState(file, kept.state));
  return how === undefined ? [] : change(shown(kept.path), how);
}

/** How a file differs from what it was, in words; undefined when it does not. */
function difference(was: FileState, is: FileState): string | undefined {
  if (was.kind !== is.kind) {
    if (was.kind === "absent") return "was added";
    if (is.kind === "absent") return "was deleted";
    if (is.kind === "link") return "is a link now";
    return is.kind === "file" ? "was changed" : "is not a file any more, or cannot be read";
  }
  if (was.kind === "link" && is.kind === "link") {
    return was.target === is.target ? undefined : "leads to another place";
  }
  if (was.kind !== "file" || is.kind !== "file") return undefined;
  if (was.hash !== is.hash) return "was changed";
  return was.executable && !is.executable ? "is not executable any more" : undefined;
}

/** The kept content, or the file as it is now with the kept entries. */
function contentWanted(
  { path: file, state, content, only }: KeptFile,
  { protectedFiles, tools }: { protectedFiles: ProtectedFiles; tools: ProjectFiles },
): Uint8Array {
  const now = only && textOf(tools.readFile(path.join(protectedFiles.root, file)));
  const restored = only && now !== undefined ? putBackEntries(now, only) : undefined;
  if (restored !== undefined) return new TextEncoder().encode(restored);
  if (content === undefined) return new Uint8Array();
  const copy = contentFile(protectedFiles.folder, content);
  const bytes = tools.readFile(copy);
  if (bytes && state.kind === "file" && hashOf(bytes) === state.hash) return bytes;
  const how = bytes ? "changed" : "removed";
  throw new RalphError(
    "state",
    `cannot put ${shown(file)} back: ${plain(copy)}, which ralph has kept of it, was ${how} by ` +
      "something other than ralph",
  );
}

const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

const contentFile = (folder: string, name: string) => path.join(folder, "files", name);
const scratchFolder = (folder: string) => path.join(folder, "tree");

const shown = (file: string) => `\`${plain(file, SHOWN_MAX)}\``;
const entryName = (name: string, file: string) => `\`${plain(name, 60)}\` in ${shown(file)}`;

const textOf = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
