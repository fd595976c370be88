/**
 * Keeps a PRD as it may be, whatever an agent does to it: looks at it after a turn, puts it right,
 * and keeps beside it what was there. Nothing is written or read through a link.
 */
import * as path from "node:path";
import { RalphError } from "../../error.ts";
import { createFile } from "../../host/files/atomic_write.ts";
import {
  openPrd,
  type OpenStories,
  type PrdDocument,
  restoreStates,
  withBoxes,
} from "../../task/prd.ts";
import { PRD_BYTES_MAX } from "../../task/prd_file.ts";
import { plain } from "../../terminal/plain.ts";
import { seeWhatItIs } from "../../terminal/shell_word.ts";
import {
  type AgentTools,
  isSame,
  type PersonsEdit,
  personsShare,
  type Sighting,
  strangersStories,
} from "./prd_authors.ts";
import {
  attempt,
  folderId,
  foldersAbove,
  freeName,
  lstat,
  makeFolders,
  type PrdFiles,
  putFile,
  quietly,
  readUpTo,
} from "./prd_files.ts";
import { guardPrd } from "./prd_guard.ts";

export interface PrdCopy {
  /** Real path. */
  path: string;
  bytes: Uint8Array;
  /** Permission bits. */
  mode: number;
}

/** A PRD as it was when a turn began, with what its bytes say: nobody has to parse them again. */
export interface GoodPrd extends PrdCopy {
  prd: PrdDocument;
}

interface ReconcileOptions {
  files: PrdFiles;
  /** Real path. */
  projectRoot: string;
  /** Its `folderId` when the turn began; undefined when that is not known. */
  rootId: string | undefined;
  /** The tool calls of the turn; undefined when they are not known. */
  tools: AgentTools | undefined;
  /** How the file was found during the turn, the oldest first. */
  sightings: readonly Sighting[];
  /** What a person changed through ralph meanwhile, the oldest first. */
  edits?: readonly PersonsEdit[];
  /** The folder for what is put aside: outside of the project, and made when it is missing. */
  aside: string;
  /** These two name what is kept. */
  sessionId: number;
  iteration: number;
}

interface ReconciledPrd {
  /** Whose the last change is. */
  changedBy: "nobody" | "agent" | "person";
  /** What the file holds now. */
  good: GoodPrd;
  /** As it would be, had the agent done nothing: what a claim that does not hold goes back to. */
  before: PrdDocument;
  /** What the agent did that is not allowed, in clauses. */
  violations: readonly string[];
  /** What it did that changes no meaning, and had to go all the same, in clauses. */
  additions: readonly string[];
  /** Path of what was left in the place of the PRD, where that was put aside. */
  keptAs?: string;
  /** All of this and what was done about it, in one line; empty when there is nothing to say. */
  words: string;
  /** Equal when the agent does the same again; undefined when nothing was put back. */
  key?: string;
}

type Found =
  | { kind: "file"; bytes: Uint8Array; mode: number; ctimeMs: number | undefined }
  /** `place` is the PRD, or the first folder above it that is not as it was. */
  | { kind: "missing"; place: string }
  | { kind: "other"; place: string; what: string };

/** Of what an agent wrote, in bytes. */
const KEPT_MAX = 5_000_000;
/** States of the file that are remembered of one turn, and their bytes in all. */
const SIGHTINGS_MAX = 100;
const SIGHTINGS_BYTES_MAX = 32 * 1024 * 1024;

/**
 * The PRD as it is now; with the bytes of `known` it is not parsed again. Throws `RalphError`:
 * `not_found` when there is none, `usage` when it cannot be read, has more than 8 MiB or does not
 * parse, `failed` when the file system refuses.
 */
export function readGoodPrd(files: PrdFiles, prdPath: string, known?: GoodPrd): GoodPrd {
  const found = attempt(`read the PRD ${plain(prdPath)}`, () => inspect(files, prdPath));
  const fault = (kind: "usage" | "not_found", reason: string) =>
    new RalphError(kind, `cannot read the PRD ${plain(prdPath)}: ${reason}`, [
      seeWhatItIs(prdPath),
    ]);
  if (found.kind === "missing") throw fault("not_found", "there is no such file");
  if (found.kind === "other") throw fault("usage", `it is ${found.what}`);
  const { bytes, mode } = found;
  if (bytes.length > PRD_BYTES_MAX) throw fault("usage", "it has more than 8 MiB");
  if (known?.path === prdPath && isSame(known.bytes, bytes)) return { ...known, mode };
  return goodPrd({ path: prdPath, bytes, mode });
}

/** A copy of a PRD that was kept. Throws `RalphError` (`usage`) when it does not parse. */
export function goodPrd(copy: PrdCopy): GoodPrd {
  return { ...copy, prd: openPrd(copy) };
}

/**
 * Looks at the PRD after a turn and puts it right; `good` is from before the turn. Folders are put
 * back below the project root alone.
 *
 * What a person changed during the turn is merged, as far as `prd_authors.ts` can tell whose a
 * change is. All else counts as the agent's and is judged by `guardPrd`. What is put back is kept
 * aside first: nothing that anybody wrote is lost. What the agent left running in the background
 * looks like a person.
 *
 * Throws `RalphError`: `usage` when a person's text is no PRD, `failed` when the file system refuses.
 */
export function reconcilePrd(good: GoodPrd, options: ReconcileOptions): ReconciledPrd {
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
  const { prd, refused, strangers = [], ...judged } = judge(good, found, options);
  const { violations, additions } = judged;
  const isRight = found.kind === "file" && isSame(found.bytes, prd.source.bytes);
  const mode = isRight ? found.mode : good.mode;
  const reconciled = { ...good, bytes: prd.source.bytes, prd, mode };
  const words = [...violations, ...additions];
  const aside = (bytes: Uint8Array, mode = 0o600) =>
    attempt(`keep what was made of ${shown}`, () => {
      const keptAs = nameAside(good.path, options);
      createFile(keptAs, bytes.subarray(0, KEPT_MAX), { files, mode, durable: true });
      return keptAs;
    });
  let keptAs: string | undefined;
  if (!isRight) {
    // the PRD goes back whether or not there is room for what was there
    const kept = found.kind === "file" && words.length > 0 &&
      settled(() => aside(found.bytes, found.mode));
    attempt(`put the PRD back at ${shown}`, () => {
      if (found.kind === "other") keptAs = moveAway(found.place, options);
      makeFolders(files, foldersAbove(good.path, projectRoot));
      putFile(files, reconciled);
    });
    if (kept) keptAs = kept();
    if (words.length > 0) {
      words.push(
        `the PRD was put back${keptAs ? `, what was there is kept as ${plain(keptAs)}` : ""}`,
      );
    }
  }
  for (const bytes of refused) {
    words.push(
      `a person's change of it could not be merged, and is kept as ${plain(aside(bytes))}`,
    );
  }
  if (strangers.length > 0) {
    const ids = strangers.map((id) => `\`${plain(id, 60)}\``).join(", ");
    words.push(`${ids} came during the turn, by no tool of the agent, and stays`);
  }
  const key = violations.length + additions.length > 0
    ? [...violations, ...additions].join("; ").replaceAll(/:\d+:\d+/g, "")
    : undefined;
  return { ...judged, good: reconciled, keptAs, words: words.join("; "), key };
}

/** Looks at the PRD during a turn, and remembers each state that it finds. Never throws. */
export function watchPrd(files: PrdFiles, prdPath: string) {
  let sightings: Sighting[] = [];
  let mark: string | undefined;
  const marked = () => {
    const info = lstat(files, prdPath);
    if (!info?.isFile) return undefined;
    const { ino, size, mtime, ctime } = info;
    return [ino, size, mtime?.getTime(), ctime?.getTime()].join();
  };
  return {
    sightings: (): readonly Sighting[] => sightings,
    /** A turn is to begin: the PRD is known as it is. */
    begin() {
      sightings = [];
      mark = quietly(marked);
    },
    look() {
      quietly(() => {
        const now = marked();
        if (now === undefined || now === mark) return;
        const found = inspect(files, prdPath);
        const size = sightings.reduce((sum, { bytes }) => sum + bytes.length, 0);
        if (found.kind !== "file" || sightings.length >= SIGHTINGS_MAX) return;
        if (size + found.bytes.length > SIGHTINGS_BYTES_MAX) return;
        mark = now;
        sightings.push(found);
      });
    },
  };
}

/**
 * Gives each story that has nothing to mark a box in its heading, in the file, so that an agent has one
 * to tick. Throws `RalphError` (`failed`) when the file system refuses.
 */
export function putBoxes(files: PrdFiles, good: GoodPrd): GoodPrd {
  const bytes = withBoxes(good.prd);
  if (isSame(bytes, good.bytes)) return good;
  attempt(`write the PRD ${plain(good.path)}`, () => putFile(files, { ...good, bytes }));
  return goodPrd({ ...good, bytes });
}

/**
 * Takes back the claims of these stories in the PRD as it is now, so that what a person wrote
 * meanwhile stays, to what they were `before`; ids that are not there are left out. Reads as
 * `readGoodPrd` does. Throws `RalphError` as it does, and `failed` when the file system refuses.
 */
export function takeBackClaims(
  files: PrdFiles,
  prdPath: string,
  { storyIds, known, before = new Map() }: {
    storyIds: readonly string[];
    known?: GoodPrd;
    before?: OpenStories;
  },
): void {
  const good = readGoodPrd(files, prdPath, known);
  const bytes = restoreStates(good.prd, before, storyIds);
  attempt(`write the PRD ${plain(prdPath)}`, () => putFile(files, { ...good, bytes }));
}

const ROOT_GONE = "the folder of the project was deleted, moved or replaced";

interface Judged extends Pick<ReconciledPrd, "changedBy" | "violations" | "additions" | "before"> {
  /** What the file must hold. */
  prd: PrdDocument;
  refused: readonly Uint8Array[];
  /** Ids of stories that came while a tool ran, and that no tool wrote. */
  strangers?: readonly string[];
}

/** Whose change it is, and what the file must hold now. */
function judge(
  good: GoodPrd,
  found: Found,
  { tools, sightings, edits = [] }: Pick<ReconcileOptions, "tools" | "sightings" | "edits">,
): Judged {
  const others = sightings.length + edits.length;
  if (found.kind === "file" && isSame(found.bytes, good.bytes) && others === 0) {
    const { prd } = good;
    return { changedBy: "nobody", prd, before: prd, refused: [], violations: [], additions: [] };
  }
  const now = found.kind === "file" ? found : undefined;
  const { prd, refused, last } = personsShare(good.prd, { sightings, now, tools, edits });
  if (found.kind !== "file") {
    const what = found.place === good.path ? "the PRD" : `the folder ${plain(found.place)}`;
    const done = found.kind === "missing" ? "deleted or moved" : `replaced by ${found.what}`;
    const violations = [`${what} was ${done}`];
    return { changedBy: "agent", prd, before: prd, refused, violations, additions: [] };
  }
  const { bytes } = found;
  if (isSame(bytes, prd.source.bytes)) {
    return { changedBy: last, prd, before: prd, refused, violations: [], additions: [] };
  }
  const { now: read, ...judged } = guardPrd(prd, bytes);
  const strangers = judged.violations.length > 0 && read && tools
    ? strangersStories(prd, read, tools)
    : undefined;
  if (!strangers) return { changedBy: last, before: prd, refused, ...judged };
  const { now: _, ...again } = guardPrd(strangers.prd, bytes);
  return { changedBy: last, before: prd, refused, ...again, strangers: strangers.ids };
}

/** Moves away what stands in the place of the PRD or of a folder above it. Returns where to. */
function moveAway(place: string, options: ReconcileOptions): string | undefined {
  const { files } = options;
  if (lstat(files, place)?.isSymlink) {
    files.removeSync(place); // the words say where it led
    return undefined;
  }
  const aside = nameAside(place, options);
  try {
    files.renameSync(place, aside);
    return aside;
  } catch (error) {
    // on another disk nothing can be moved to: it stays where it is, under another name
    if (!(error instanceof Error && "code" in error && error.code === "EXDEV")) throw error;
    const beside = freeName(files, (n) => `${place}.moved-${n}`);
    files.renameSync(place, beside);
    return beside;
  }
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
        what: info.isSymlink ? linkTo(place) : "something that is no folder",
      };
    }
  }
  return inspect(files, prdPath);
}

function inspect(files: PrdFiles, place: string): Found {
  const info = lstat(files, place);
  if (!info) return { kind: "missing", place };
  if (!info.isFile) return { kind: "other", place, what: nameOf(place, info) };
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

function nameOf(place: string, { isSymlink, isDirectory }: Deno.FileInfo): string {
  return isSymlink ? linkTo(place) : isDirectory ? "a folder" : "something that is no file";
}

function linkTo(place: string): string {
  return `a link to \`${plain(quietly(() => Deno.readLinkSync(place)) ?? "?", 200)}\``;
}

/** A free name: `prd.agent-3-2.json` for session 3, iteration 2; else `prd.agent-3-2-2.json`. */
function nameAside(
  place: string,
  { files, aside, sessionId, iteration }: ReconcileOptions,
): string {
  files.mkdirSync(aside, { recursive: true, mode: 0o700 });
  if (!lstat(files, aside)?.isDirectory) throw new Error(`${plain(aside)} is a link`);
  const { name, ext } = path.parse(place);
  const stem = path.join(aside, `${name}.agent-${sessionId}-${iteration}`);
  return freeName(files, (n) => `${stem}${n === 1 ? "" : `-${n}`}${ext}`);
}

/** Does it now, and hands back what hands out the result, or throws, later. */
function settled<T>(act: () => T): () => T {
  try {
    const result = act();
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
