/**
 * Keeps a PRD as it may be, whatever an agent does to it: looks at it after a turn, puts it right,
 * and keeps beside it what was there. Nothing is written or read through a link.
 */
import * as path from "node:path";
import { RalphError } from "../error.ts";
import { parsePrd } from "../task/prd.ts";
import { plain } from "../terminal/plain.ts";
import { guardPrd, PRD_BYTES_MAX, withPasses } from "./prd_guard.ts";

/** The file system: `Deno`. */
export type PrdFiles = Pick<
  typeof Deno,
  "lstatSync" | "openSync" | "mkdirSync" | "renameSync" | "removeSync" | "chmodSync"
>;

/** A PRD that parses, as it was when a turn began. */
export interface GoodPrd {
  /** Real path. */
  path: string;
  bytes: Uint8Array;
  /** Permission bits. */
  mode: number;
}

/** When a tool of the agent ran, in epoch milliseconds. */
export interface Interval {
  start: number;
  end: number;
}

export interface SettleOptions {
  files: PrdFiles;
  /** Real path. */
  projectRoot: string;
  /** Its `folderId` when the turn began; undefined when that is not known. */
  rootId: string | undefined;
  /** The tool calls of the turn; undefined when they are not known. */
  toolIntervals: readonly Interval[] | undefined;
  /** These two name what is kept. */
  sessionId: number;
  iteration: number;
}

export interface SettledPrd {
  changedBy: "nobody" | "agent" | "person";
  /** What the file holds now. */
  good: GoodPrd;
  /** What the agent did that is not allowed, in clauses; empty when nothing was put back. */
  violations: readonly string[];
  /** Path of what the agent left in the place of the PRD; undefined when that was nothing. */
  keptAs?: string;
  /** The violations and what was done about them, in one line; empty when there are none. */
  words: string;
}

type Found =
  | { kind: "file"; bytes: Uint8Array; mode: number; ctimeMs: number | undefined }
  /** `place` is the PRD, or the first folder above it that is not as it was. */
  | { kind: "missing"; place: string }
  | { kind: "other"; place: string; what: string };

/** Of what an agent wrote, in bytes. */
const KEPT_MAX = 5_000_000;
/** Tool calls are timed by the server, before and after they touch a file. */
const MARGIN_MS = 1_000;
/** `Deno.lstatSync` cuts ctime to whole seconds (2.7.11 and 2.9.6, measured). */
const CTIME_STEP_MS = 1_000;

/**
 * The PRD as it is now. Throws `RalphError`: `not_found` when there is none, `usage` when it cannot
 * be read, has more than 8 MiB or does not parse, `failed` when the file system refuses.
 */
export function readGoodPrd(files: PrdFiles, prdPath: string): GoodPrd {
  const found = attempt(`read the PRD ${plain(prdPath)}`, () => inspect(files, prdPath));
  const fault = (kind: "usage" | "not_found", reason: string) =>
    new RalphError(kind, `cannot read the PRD ${plain(prdPath)}: ${reason}`);
  if (found.kind === "missing") throw fault("not_found", "there is no such file");
  if (found.kind === "other") throw fault("usage", `it is ${found.what}`);
  const { bytes, mode } = found;
  if (bytes.length > PRD_BYTES_MAX) throw fault("usage", "it has more than 8 MiB");
  parsePrd({ path: prdPath, bytes });
  return { path: prdPath, bytes, mode };
}

/**
 * Looks at the PRD after a turn and puts it right; `good` is from before the turn. Folders are put
 * back below the project root alone.
 *
 * A change counts as a person's, and is taken over whole, when the file's ctime lies more than a
 * second outside of each tool call. All else counts as the agent's and is judged by `guardPrd`; so
 * does a person's change after which the agent wrote to the file in the same turn, which then is
 * in the file that is kept. What the agent left running in the background looks like a person.
 *
 * Throws `RalphError`: `usage` when a person's text is no PRD, `failed` when the file system refuses.
 */
export function settlePrd(good: GoodPrd, options: SettleOptions): SettledPrd {
  const { files, projectRoot } = options;
  const shown = plain(good.path);
  const found = attempt(`look at the PRD ${shown}`, () => {
    const found = look(files, good.path, projectRoot);
    // A disk that went away leaves an empty folder: nothing is to be put there.
    const isThere = found.kind !== "missing" || options.rootId === undefined ||
      options.rootId === folderId(files, projectRoot);
    if (!isThere) throw new Error(ROOT_GONE);
    return found;
  });
  const { changedBy, bytes, violations } = judge(good, found, options.toolIntervals);
  if (violations.length === 0) {
    const mode = found.kind === "file" ? found.mode : good.mode;
    return { changedBy, good: { ...good, bytes, mode }, violations, words: "" };
  }
  const settled = { ...good, bytes };
  let keptAs: string | undefined;
  attempt(`put the PRD back at ${shown}`, () => {
    if (found.kind === "other") {
      keptAs = nameAside(found.place, options);
      files.renameSync(found.place, keptAs);
    }
    makeFolders(files, foldersAbove(good.path, projectRoot));
    replaceFile(files, settled);
  });
  if (found.kind === "file") {
    attempt(`keep what the agent made of ${shown}`, () => {
      keptAs = nameAside(good.path, options);
      createFile(files, keptAs, found.bytes.subarray(0, KEPT_MAX));
    });
  }
  const kept = keptAs && `, what was there is kept as ${plain(path.relative(projectRoot, keptAs))}`;
  const words = `${violations.join("; ")}; the PRD was put back${kept ?? ""}`;
  return { changedBy, good: settled, violations, keptAs, words };
}

/**
 * Takes back the claims of these stories in the PRD as it is now, so that what a person wrote
 * meanwhile stays; ids that are not there are left out. Throws `RalphError` as `readGoodPrd` does,
 * and `failed` when the file system refuses.
 */
export function takeBackClaims(
  files: PrdFiles,
  prdPath: string,
  storyIds: readonly string[],
): void {
  const good = readGoodPrd(files, prdPath);
  const bytes = withPasses(good, new Map(storyIds.map((id) => [id, false])));
  attempt(`write the PRD ${plain(prdPath)}`, () => replaceFile(files, { ...good, bytes }));
}

/**
 * Removes what a worker that was killed left half-written beside the PRD. Call it while holding the
 * task's lock. Throws `RalphError` (`failed`) when the file system refuses.
 */
export function removeHalfWritten(files: PrdFiles, prdPath: string): void {
  attempt(`remove what is half-written beside ${plain(prdPath)}`, () => {
    for (let n = 1;; n++) {
      const half = halfName(prdPath, n);
      const info = lstat(files, half);
      if (!info) return;
      if (info.isFile) files.removeSync(half);
    }
  });
}

const ROOT_GONE = "the folder of the project was deleted, moved or replaced";

/** Tells a folder from another one that takes its place; undefined where there is none. */
export function folderId(files: PrdFiles, folder: string): string | undefined {
  const info = lstat(files, folder);
  return info && `${info.dev}:${info.ino}`;
}

/** Nobody else's, so that it may be removed. */
const halfName = (prdPath: string, n: number) => `${prdPath}.ralph-half${n}`;

/** Whose change it is, and what the file must hold now. */
function judge(
  good: GoodPrd,
  found: Found,
  toolIntervals: readonly Interval[] | undefined,
): Pick<SettledPrd, "changedBy" | "violations"> & { bytes: Uint8Array } {
  if (found.kind !== "file") {
    const what = found.place === good.path ? "the PRD" : `the folder ${plain(found.place)}`;
    const done = found.kind === "missing" ? "deleted or moved" : `replaced by ${found.what}`;
    return { changedBy: "agent", bytes: good.bytes, violations: [`${what} was ${done}`] };
  }
  const { bytes } = found;
  if (isSame(bytes, good.bytes)) return { changedBy: "nobody", bytes, violations: [] };
  if (bytes.length <= PRD_BYTES_MAX && isPersons(found, toolIntervals)) {
    parsePrd({ path: good.path, bytes });
    return { changedBy: "person", bytes, violations: [] };
  }
  return { changedBy: "agent", ...guardPrd({ path: good.path, before: good.bytes, after: bytes }) };
}

function isPersons(
  { ctimeMs }: Extract<Found, { kind: "file" }>,
  toolIntervals: readonly Interval[] | undefined,
): boolean {
  if (ctimeMs === undefined || toolIntervals === undefined) return false;
  const earliest = ctimeMs - MARGIN_MS;
  const latest = ctimeMs + CTIME_STEP_MS + MARGIN_MS;
  return toolIntervals.every(({ start, end }) => latest < start || end < earliest);
}

/** The PRD, unless a folder above it is not there any more or is no folder. */
function look(files: PrdFiles, prdPath: string, projectRoot: string): Found {
  if (!lstat(files, projectRoot)?.isDirectory) {
    throw new Error(ROOT_GONE);
  }
  for (const place of foldersAbove(prdPath, projectRoot)) {
    const info = lstat(files, place);
    if (!info) return { kind: "missing", place };
    if (!info.isDirectory) {
      return {
        kind: "other",
        place,
        what: info.isSymlink ? "a link" : "something that is no folder",
      };
    }
  }
  return inspect(files, prdPath);
}

function inspect(files: PrdFiles, place: string): Found {
  const info = lstat(files, place);
  if (!info) return { kind: "missing", place };
  if (!info.isFile) return { kind: "other", place, what: nameOf(info) };
  try {
    const bytes = readUpTo(files, place, PRD_BYTES_MAX + 1);
    return {
      kind: "file",
      bytes,
      mode: (info.mode ?? 0o644) & 0o777,
      ctimeMs: info.ctime?.getTime(),
    };
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    return { kind: "other", place, what: "a file that cannot be read" };
  }
}

function nameOf({ isSymlink, isDirectory }: Deno.FileInfo): string {
  return isSymlink ? "a link" : isDirectory ? "a folder" : "something that is no file";
}

function lstat(files: PrdFiles, place: string): Deno.FileInfo | undefined {
  try {
    return files.lstatSync(place);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}

function readUpTo(files: PrdFiles, place: string, max: number): Uint8Array {
  using file = files.openSync(place, { read: true });
  const bytes = new Uint8Array(Math.min(max, file.statSync().size));
  let length = 0;
  while (length < bytes.length) {
    const count = file.readSync(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

/** The folders between the project root and the PRD, the outermost first. */
function foldersAbove(prdPath: string, projectRoot: string): readonly string[] {
  const folders: string[] = [];
  let folder = path.dirname(prdPath);
  while (folder.startsWith(projectRoot + path.sep)) {
    folders.unshift(folder);
    folder = path.dirname(folder);
  }
  return folders;
}

function makeFolders(files: PrdFiles, folders: readonly string[]): void {
  for (const folder of folders) {
    if (!lstat(files, folder)) files.mkdirSync(folder);
  }
}

/** Whole or not at all. What stands there is replaced and never written to. */
function replaceFile(files: PrdFiles, { path, bytes, mode }: GoodPrd): void {
  const half = freeName(files, (n) => halfName(path, n));
  createFile(files, half, bytes);
  try {
    files.chmodSync(half, mode);
    files.renameSync(half, path);
  } catch (error) {
    files.removeSync(half);
    throw error;
  }
}

/** Writes a file that is not there yet, all of it or, when that fails, nothing. */
function createFile(files: PrdFiles, path: string, bytes: Uint8Array): void {
  using file = files.openSync(path, { write: true, createNew: true });
  try {
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    file.syncSync();
  } catch (error) {
    files.removeSync(path);
    throw error;
  }
}

/** The first of the names, from 1, under which nothing is there. */
function freeName(files: PrdFiles, nameOf: (n: number) => string): string {
  let n = 1;
  while (lstat(files, nameOf(n))) n++;
  return nameOf(n);
}

/** A free name beside it: `prd.agent-3-2.json` for session 3, iteration 2; else `prd.agent-3-2-2.json`. */
function nameAside(place: string, { files, sessionId, iteration }: SettleOptions): string {
  const { dir, name, ext } = path.parse(place);
  const stem = path.join(dir, `${name}.agent-${sessionId}-${iteration}`);
  return freeName(files, (n) => `${stem}${n === 1 ? "" : `-${n}`}${ext}`);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Turns what the file system says into an error for users. */
function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RalphError("failed", `cannot ${what}: ${plain(reason, 300)}`, [], { cause: error });
  }
}
