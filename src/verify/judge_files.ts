/**
 * The judge's files: those that the gates' commands name, and those that `protect` means. What they
 * hold when a session begins is kept outside the project. When one differs later, the gates run in
 * a copy of the project in which the judge's files are as they were.
 */
import * as path from "node:path";
import { RalphError } from "../error.ts";
import type { FileState } from "../host/file_state.ts";
import type { JudgeTools } from "../host/judge_tools.ts";
import { type Gate, gateKey } from "../task/gate.ts";
import { plain } from "../terminal/plain.ts";
import { globMatcher, isLiteral } from "./glob.ts";
import { namedFiles } from "./named_files.ts";
import { type Entries, type EntryField, putBackEntries, readEntries } from "./script_entries.ts";

export interface JudgeOrder {
  /** The project root, as a real path. */
  readonly root: string;
  /** Outside the project, private, one for each task: only the task's worker may use it. */
  readonly folder: string;
  /** What another session has kept in `folder` is thrown away. */
  readonly session: string;
  /** All of them: the task's and every story's. */
  readonly gates: readonly Gate[];
  /** Globs; `!glob` gives files to the agent. */
  readonly protect: readonly string[];
  /** Paths that are never the judge's, whatever names them: PRD and progress file. */
  readonly agentFiles: readonly string[];
}

export interface Judge {
  readonly root: string;
  readonly folder: string;
  readonly files: readonly KeptFile[];
}

export interface KeptFile {
  /** Relative to the project root. */
  readonly path: string;
  readonly state: FileState;
  /** Name of the file in the judge's folder that has the content, if there is any. */
  readonly content?: string;
  /** Where only these entries of the file are the judge's. */
  readonly only?: { readonly field: EntryField; readonly entries: Entries };
}

export interface JudgeChange {
  readonly path: string;
  /** Such as "`check.sh` was changed"; safe to print. */
  readonly words: string;
}

/** What is stored, in `kept.json`. */
interface Kept {
  readonly version: 1;
  readonly session: string;
  readonly root: string;
  /** The keys of the gates, and the globs, that were looked at: a second look finds nothing new. */
  readonly gates: readonly string[];
  readonly protect: readonly string[];
  readonly files: readonly KeptFile[];
}

/** Gates are set up by it, so it is the judge's, unless a glob gives it away. */
const SETTINGS_FILE = "ralph.json";
const FILES_MAX = 20_000;
const BYTES_MAX = 1024 ** 3;
/** Links to links; more are a circle. */
const LINKS_MAX = 10;
const SHOWN_MAX = 120;

/**
 * Keeps the judge's files when a session begins. When it is continued, what was kept stays, and only
 * what gates or globs name that are new is added. Removes a copy that a crash left behind. Throws
 * `RalphError`: `failed` when git cannot list the files, `usage` when there are too many to keep.
 */
export async function keepJudgeFiles(order: JudgeOrder, tools: JudgeTools): Promise<Judge> {
  const { root, folder, session } = order;
  await tools.removeTree(scratchFolder(folder));
  const earlier = readKept(order, tools);
  if (!earlier) await tools.removeTree(path.join(folder, "files"));
  const knownGates = new Set(earlier?.gates);
  const gates = order.gates.filter((gate) => !knownGates.has(gateKey(gate)));
  const protect = [SETTINGS_FILE, ...order.protect];
  const sameGlobs = JSON.stringify(earlier?.protect) === JSON.stringify(protect);
  if (earlier && gates.length === 0 && sameGlobs) return { root, folder, files: earlier.files };

  const { files } = await tools.listWorkTree(root);
  const wanted = wantedFiles({ ...order, gates, protect }, { listed: files, tools });
  const kept = keep(wanted, { order, earlier: earlier?.files ?? [], tools });
  const stored: Kept = {
    version: 1,
    session,
    root,
    gates: [...knownGates, ...gates.map(gateKey)],
    protect,
    files: kept,
  };
  tools.writeFile(keptFile(folder), new TextEncoder().encode(JSON.stringify(stored)));
  return { root, folder, files: kept };
}

/** The judge's files by name, for people and for the prompt. Safe to print. */
export function judgeFileNames({ files }: Judge): readonly string[] {
  return files.filter(({ state }) => state.kind !== "absent").flatMap(({ path, only }) =>
    only ? Object.keys(only.entries).map((name) => entryName(name, path)) : [shown(path)]
  );
}

/** Which of the judge's files are not as they were when the session began. */
export function changedJudgeFiles(judge: Judge, tools: JudgeTools): readonly JudgeChange[] {
  return judge.files.flatMap((kept) => changesOf(kept, { judge, tools }));
}

/**
 * Calls `run` with the root of a copy of the project, in which the judge's files are as they were,
 * and removes the copy, however `run` ends. Throws `RalphError` (`failed`) when the project is too
 * big to be copied or there is no room, and `signal.reason` when aborted.
 */
export async function withJudgeTree<T>(
  judge: Judge,
  { tools, signal }: { tools: JudgeTools; signal?: AbortSignal },
  run: (root: string) => Promise<T>,
): Promise<T> {
  const scratch = scratchFolder(judge.folder);
  const target = path.join(scratch, path.basename(judge.root));
  await tools.removeTree(scratch);
  try {
    await tools.copyWorkTree(judge.root, { target, signal });
    for (const kept of judge.files) {
      if (changesOf(kept, { judge, tools }).length === 0) continue;
      const content = contentWanted(kept, { judge, tools });
      tools.putBack({ root: judge.root, target, file: kept.path, state: kept.state, content });
    }
    return await run(target);
  } finally {
    try {
      await tools.removeTree(scratch);
    } catch {
      // something that a gate left running writes there still: the next start removes it
    }
  }
}

/** What is to be kept: of a whole file undefined, else which entries of it. */
type Wanted = ReadonlyMap<string, { field: EntryField; names: ReadonlySet<string> } | undefined>;

function wantedFiles(
  { root, gates, protect, agentFiles }: JudgeOrder,
  { listed, tools }: { listed: readonly string[]; tools: JudgeTools },
): Wanted {
  const present = new Set(listed);
  const matches = globMatcher(protect);
  const named = namedFiles(gates, {
    root,
    has: (file) => present.has(file),
    text: (file) => textOf(tools.readFile(path.join(root, file))),
  });
  const agents = new Set(agentFiles);
  const isJudges = (file: string) => !agents.has(file) && matches(file) !== false;
  const wanted = new Map<string, { field: EntryField; names: ReadonlySet<string> } | undefined>();
  for (const [file, entries] of named.entries) if (isJudges(file)) wanted.set(file, entries);
  const literal = protect.filter(isLiteral)
    .map((glob) => path.posix.join("/", glob).slice(1))
    .filter((file) => tools.fileState(path.join(root, file)).kind !== "other");
  const protectedFiles = listed.filter((file) => matches(file));
  for (const file of [...named.files, ...named.absent, ...literal, ...protectedFiles]) {
    if (isJudges(file)) wanted.set(file, undefined);
  }
  for (const file of [...wanted.keys()]) {
    for (const led of linkedFiles(file, { root, tools })) {
      if (present.has(led) && isJudges(led)) wanted.set(led, undefined);
    }
  }
  return wanted;
}

/** Where a link leads, step by step, as long as it stays in the project. */
function linkedFiles(
  file: string,
  { root, tools }: { root: string; tools: JudgeTools },
): readonly string[] {
  const led: string[] = [];
  for (let at = file; led.length < LINKS_MAX;) {
    const state = tools.fileState(path.join(root, at));
    if (state.kind !== "link") break;
    at = path.relative(root, path.resolve(root, path.dirname(at), state.target));
    led.push(at);
  }
  return led;
}

/** Keeps what is not kept yet, and returns all that is. */
function keep(
  wanted: Wanted,
  { order, earlier, tools }: {
    order: JudgeOrder;
    earlier: readonly KeptFile[];
    tools: JudgeTools;
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
  for (const [file, only] of wanted) {
    const known = byPath.get(file);
    if (known && (!known.only || !only)) continue;
    const state = known?.state ?? tools.fileState(path.join(root, file));
    const bytes = state.kind === "file" ? tools.readFile(path.join(root, file)) : undefined;
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
  { judge, tools }: { judge: Judge; tools: JudgeTools },
): readonly JudgeChange[] {
  const file = path.join(judge.root, kept.path);
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
  { path: file, content, only }: KeptFile,
  { judge, tools }: { judge: Judge; tools: JudgeTools },
): Uint8Array {
  const now = only && textOf(tools.readFile(path.join(judge.root, file)));
  const mended = only && now !== undefined ? putBackEntries(now, only) : undefined;
  if (mended !== undefined) return new TextEncoder().encode(mended);
  if (content === undefined) return new Uint8Array();
  const bytes = tools.readFile(contentFile(judge.folder, content));
  if (bytes) return bytes;
  const lost = contentFile(judge.folder, content);
  throw new RalphError("state", `cannot put ${shown(file)} back: ${lost} is gone`);
}

function readKept({ root, folder, session }: JudgeOrder, tools: JudgeTools): Kept | undefined {
  try {
    const kept = JSON.parse(textOf(tools.readFile(keptFile(folder))) ?? "null");
    const isOurs = kept?.version === 1 && kept.session === session && kept.root === root;
    return isOurs ? kept : undefined;
  } catch {
    // only `keepJudgeFiles` writes it, whole or not at all: this is another program's
    return undefined;
  }
}

const keptFile = (folder: string) => path.join(folder, "kept.json");
const contentFile = (folder: string, name: string) => path.join(folder, "files", name);
const scratchFolder = (folder: string) => path.join(folder, "tree");

const shown = (file: string) => `\`${plain(file, SHOWN_MAX)}\``;
const entryName = (name: string, file: string) => `\`${plain(name, 60)}\` in ${shown(file)}`;

const textOf = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
