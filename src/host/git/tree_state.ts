/** What git says of a work tree. Nothing here changes anything: not even the index is refreshed. */
import { createHash } from "node:crypto";
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { mapInTurns } from "../../event_loop.ts";
import { fileExists } from "../files/read_file.ts";
import { isOnlyTree } from "./git_folder.ts";
import { withoutLocalFilters } from "./local_filters.ts";
import { madeBefore, without } from "./made_before.ts";
import { gitText, WORK_TREE_MS } from "./run_git.ts";

export interface TreeState {
  /** The commit that is checked out; undefined before the first one. */
  head?: string;
  /** The branch that is checked out; undefined when none is. */
  branch?: string;
  /** Paths that differ from the commit. */
  changed: ReadonlyMap<string, ChangedPath>;
  /** Folders, each with a `/` at its end, that are repositories of their own: not in this tree. */
  repositories?: readonly string[];
  /** The last commits of all branches, and of the other work trees of the repository. */
  tips?: readonly string[];
  /** The last commits that remotes are known to have. */
  remotes?: readonly string[];
  /** When git was asked, in epoch milliseconds. */
  at?: number;
}

interface ChangedPath {
  /** Mode and blob in the commit; undefined when it has no such path. */
  committed?: string;
  /** The same of the work tree, as if it were added now. */
  now: string;
  /** Differs when the file was written: what has the same mark need not be read again. */
  mark: string;
  /** It is one, and its commit is another than the recorded one, or its files are not committed in it. */
  submodule?: { moved: boolean; dirty: boolean };
}

export interface TreeChange {
  /** Commits that were made, and how many of them touch a file that counts. */
  commits: number;
  workCommits: number;
  /** Commits that came in, and were there before; undefined for none. */
  takenIn?: number;
  /** Commits that were made on other branches, as in a work tree of the agent's own. */
  elsewhere: number;
  /** Files whose content or mode is another one now, committed or not; not by what came in alone. */
  files: readonly string[];
}

interface Between {
  before: TreeState;
  after: TreeState;
  clock: Clock;
  signal?: AbortSignal;
}

/** Reading more takes longer than its content is worth as evidence: its mark stands for it. */
const HASHED_BYTES_MAX = 64 * 1024 * 1024;
const GONE = "gone";
/** The mode of one in a commit. */
export const SUBMODULE = "160000";
/** The mark of what is no file: it has to be looked at each time. */
const FOLDER = "folder";

/**
 * The state of the work tree; undefined when git cannot say, or not in time, or when aborted. What has not been
 * written since `known` is not read again.
 */
export async function treeState(
  root: string,
  { clock, known, signal }: { clock: Clock; known?: TreeState; signal?: AbortSignal },
): Promise<TreeState | undefined> {
  const at = clock.now();
  const config = await withoutLocalFilters(root, { clock, signal });
  const [output, refs] = await Promise.all([
    gitText(root, [
      "status",
      "--porcelain=v2",
      "--branch",
      // How far that is from a server's branch nobody asks; git would count the commits.
      "--no-ahead-behind",
      "--untracked-files=all",
      "--no-renames",
      "-z",
    ], { clock, signal, config, timeoutMs: WORK_TREE_MS }),
    tipsOf(root, { clock, signal }),
  ]);
  if (output === undefined) return undefined;
  const { head, branch, repositories, found } = statusFrom(output);
  const tips = refs && sorted([...refs.tips, head ?? ""]);
  const remotes = refs && sorted(refs.remotes);
  const entries = await mapInTurns(
    found,
    ([file, committed]): [string, ChangedPath & { hash?: boolean }] => {
      const look = lookAt(root, file);
      const before = known?.changed.get(file);
      const isSame = before?.mark === look.mark;
      return [file, { committed, ...look, ...(isSame && { now: before.now, hash: false }) }];
    },
  );
  for (const [file, entry] of entries) {
    if (entry.mark !== FOLDER) continue;
    entry.now = await submoduleNow(root, file, { clock, signal });
    const [mode, commit, files] = entry.now.split(":");
    const moved = commit !== undefined && entry.committed !== `${mode}:${commit}`;
    entry.submodule = { moved, dirty: files !== undefined };
  }
  const toHash = entries.filter(([, { hash }]) => hash).map(([file]) => file);
  const hashes = await hashesOf(toHash, { root, clock, signal, config });
  if (signal?.aborted) return undefined;
  const changed = entries.map(([file, { hash, ...entry }]): [string, ChangedPath] => {
    if (!hash) return [file, entry];
    return [file, { ...entry, now: `${entry.now}:${hashes.get(file) ?? entry.mark}` }];
  });
  return { head, branch, changed: new Map(changed), repositories, tips, remotes, at };
}

/** What `git status --porcelain=v2 --branch -z` says; `found`: as `changedPath` has it. */
export function statusFrom(output: string) {
  let head: string | undefined;
  let branch: string | undefined;
  const repositories: string[] = [];
  const found: [string, string | undefined][] = [];
  for (const record of output.split("\0")) {
    const [, header, value] = /^# branch\.(oid|head) (.*)$/s.exec(record) ?? [];
    if (header === "oid" && value !== "(initial)") head = value;
    if (header === "head" && value !== "(detached)") branch = value;
    const entry = changedPath(record);
    if (entry?.[0].endsWith("/")) repositories.push(entry[0]);
    else if (entry) found.push(entry);
  }
  return { head, branch, repositories, found };
}

/** `tips`: of all branches, and of the other work trees where there are any. */
async function tipsOf(
  root: string,
  options: { clock: Clock; signal?: AbortSignal },
): Promise<{ tips: readonly string[]; remotes: readonly string[] } | undefined> {
  const format = "--format=%(objectname) %(refname)";
  const [refs, trees] = await Promise.all([
    gitText(root, ["for-each-ref", format, "refs/heads", "refs/remotes"], options),
    isOnlyTree(root) ? "" : gitText(root, ["worktree", "list", "--porcelain"], options),
  ]);
  if (refs === undefined || trees === undefined) return undefined;
  const ofTrees = [...trees.matchAll(/^HEAD ([0-9a-f]+)$/gm)].map(([, commit]) => commit);
  const under = (place: string) =>
    [...refs.matchAll(new RegExp(`^([0-9a-f]+) refs/${place}/`, "gm"))].map(([, commit]) => commit);
  return { tips: [...under("heads"), ...ofTrees], remotes: under("remotes") };
}

/** Each once; the commit of a tree that has none is zeros. */
function sorted(commits: readonly string[]): readonly string[] {
  return [...new Set(commits)].filter((commit) => /[1-9a-f]/.test(commit)).sort();
}

/**
 * The mode and the commit of a submodule, and, where its files differ from that commit, something that
 * differs when they do.
 */
async function submoduleNow(
  root: string,
  file: string,
  options: { clock: Clock; signal?: AbortSignal },
): Promise<string> {
  const folder = path.join(root, file);
  // Without one of its own git would answer for the repository around it.
  const inner = fileExists(path.join(folder, ".git")) && await treeState(folder, options);
  if (!inner || inner.head === undefined) return SUBMODULE;
  const files = [...inner.changed].map(([name, { now }]) => `${name} ${now}`).sort();
  const commit = `${SUBMODULE}:${inner.head}`;
  if (files.length === 0) return commit;
  return `${commit}:${createHash("sha256").update(files.join("\n")).digest("hex")}`;
}

/**
 * What differs between two states; undefined when git cannot say, as in a repository that was made
 * again, or not in time. `ignore`: files and folders, relative to the root, that do not count.
 */
export async function treeChange(
  root: string,
  { clock, signal, before, after, ignore }: {
    clock: Clock;
    signal?: AbortSignal;
    before: TreeState;
    after: TreeState;
    ignore: readonly string[];
  },
): Promise<TreeChange | undefined> {
  const counts = (file: string) =>
    !ignore.some((place) => file === place || file.startsWith(`${place}/`));
  const moved = before.head !== after.head;
  const options = { clock, signal };
  const places = ignore.map((place) => `:(exclude,literal)${place}`);
  const [between, own, elsewhere] = await Promise.all([
    moved
      ? committedBetween(root, { from: before.head, to: after.head, ...options })
      : new Map<string, Committed>(),
    moved && after.head ? ownCommits(root, { before, after, places, ...options }) : NO_COMMITS,
    commitsElsewhere(root, { before, after, ...options }),
  ]);
  if (!between || !own) return undefined;
  const files = differing({ before, after, between }).filter(counts);
  const { commits, workCommits, takenIn } = own;
  if (takenIn === 0) return { commits, workCommits, elsewhere, files };
  const byOwn = await filesOfCommits(root, own.range, options);
  if (!byOwn) return undefined;
  const isOwn = (file: string) =>
    byOwn.has(file) || before.changed.has(file) || after.changed.has(file);
  return { commits, workCommits, takenIn, elsewhere, files: files.filter(isOwn) };
}

interface OwnCommits {
  commits: number;
  workCommits: number;
  /** How many came in beside them. */
  takenIn: number;
  /** For git, a line each. */
  range: readonly string[];
}

const NO_COMMITS: OwnCommits = { commits: 0, workCommits: 0, takenIn: 0, range: [] };

/** Those in `after` that were not there before, wherever. `places`: what does not count. */
async function ownCommits(
  root: string,
  { before, after, places, ...options }: Between & { places: readonly string[] },
): Promise<OwnCommits | undefined> {
  const known = await madeBefore(root, before, { remotes: after.remotes, ...options });
  if (!known || !after.head) return undefined;
  const range = [after.head, ...without(known)];
  const head = known.filter((commit) => commit === before.head);
  const [all, commits, workCommits] = await Promise.all([
    known.length > head.length
      ? countOf(root, [after.head, ...without(head)], options)
      : "same" as const,
    countOf(root, range, options),
    places.length > 0 ? countOf(root, range, options, ["--", ".", ...places]) : "same" as const,
  ]);
  if (all === undefined || commits === undefined || workCommits === undefined) return undefined;
  return {
    commits,
    workCommits: workCommits === "same" ? commits : workCommits,
    takenIn: all === "same" ? 0 : all - commits,
    range,
  };
}

async function countOf(
  root: string,
  range: readonly string[],
  options: { clock: Clock; signal?: AbortSignal },
  only: readonly string[] = [],
): Promise<number | undefined> {
  const args = ["rev-list", "--count", "--ignore-missing", "--stdin", ...only];
  const input = range.map((line) => `${line}\n`).join("");
  const printed = await gitText(root, args, { ...options, input });
  return printed === undefined ? undefined : Number(printed);
}

/** What these commits changed; of a merge, what it has as none of its parents does (git-log(1), `-c`). */
async function filesOfCommits(
  root: string,
  range: readonly string[],
  options: { clock: Clock; signal?: AbortSignal },
): Promise<ReadonlySet<string> | undefined> {
  const printed = await gitText(root, [
    ...["log", "-z", "-c", "--format=", "--name-only", "--no-renames", "--no-show-signature"],
    ...["--no-color", "--no-ext-diff", "--ignore-submodules=none", "--ignore-missing", "--stdin"],
  ], {
    ...options,
    config: [["log.showRoot", "true"]],
    input: range.map((line) => `${line}\n`).join(""),
  });
  return printed === undefined ? undefined : new Set(printed.split("\0").filter(Boolean));
}

/**
 * Files whose content or mode differs between two states, committed or not. Undefined when git cannot say,
 * and where repositories are inside of this one: of what differs in those only the folder is known.
 */
export async function filesBetween(
  root: string,
  { before, after, ...options }: Between,
): Promise<readonly string[] | undefined> {
  const between = before.head === after.head
    ? new Map<string, Committed>()
    : await committedBetween(root, { from: before.head, to: after.head, ...options });
  const entries = [...between?.values() ?? []].flatMap((entry) => [entry.old, entry.new])
    .concat([before, after].flatMap(({ changed }) => [...changed.values()].map(({ now }) => now)));
  const hasInner = [before, after].some(({ repositories }) => repositories?.length) ||
    entries.some((entry) => entry?.startsWith(SUBMODULE));
  return between && !hasInner ? differing({ before, after, between }) : undefined;
}

function differing({ before, after, between }: {
  before: TreeState;
  after: TreeState;
  between: ReadonlyMap<string, Committed>;
}): string[] {
  const candidates = new Set([
    ...before.changed.keys(),
    ...after.changed.keys(),
    ...between.keys(),
  ]);
  return [...candidates].filter((file) => {
    const was = before.changed.get(file);
    const is = after.changed.get(file);
    // A path that is not in a state is there as in its commit; the other state may know that one.
    const committed = between.get(file);
    const then = was?.now ?? (committed ? committed.old : is?.committed) ?? GONE;
    const now = is?.now ?? (committed ? committed.new : was?.committed) ?? GONE;
    return then !== now;
  });
}

/** Those that no branch had before, and that are not in what is checked out now. */
async function commitsElsewhere(
  root: string,
  { before, after, ...options }: Between,
): Promise<number> {
  const known = new Set(before.tips);
  const tips = (after.tips ?? []).filter((tip) => !known.has(tip) && tip !== after.head);
  if (before.tips === undefined || tips.length === 0) return 0;
  const others = [...known, ...before.remotes ?? [], before.head, after.head];
  const range = [...tips, ...without(others.filter((one) => one !== undefined))];
  return await countOf(root, range, options) ?? 0;
}

/** Path, and mode and blob in the commit, of a record of `git status --porcelain=v2` (git-status(1)). */
function changedPath(record: string): [string, string | undefined] | undefined {
  // The number of fields before the path differs by the record's type; paths may hold spaces.
  const count = { "1": 8, "u": 10, "?": 1 }[record[0]];
  if (count === undefined || record[1] !== " ") return undefined;
  const fields = record.split(" ");
  const file = fields.slice(count).join(" ");
  // Of an unmerged file the second stage is that of the commit.
  const [mode, blob] = { "1": [fields[3], fields[6]], "u": [fields[4], fields[8]] }[record[0]] ??
    [];
  return [file, mode === undefined || mode === "000000" ? undefined : `${mode}:${blob}`];
}

/** `hash`: the blob is still to be found out, and `now` is the mode alone. */
function lookAt(root: string, file: string): { now: string; mark: string; hash: boolean } {
  const full = path.join(root, file);
  try {
    const { isFile, isSymlink, mtime, ctime, size, ino, mode } = Deno.lstatSync(full);
    const mark = [mtime?.getTime(), ctime?.getTime(), size, ino, mode].join(":");
    if (isSymlink) return { now: `120000:${Deno.readLinkSync(full)}`, mark, hash: false };
    if (!isFile) return { now: SUBMODULE, mark: FOLDER, hash: false };
    const gitMode = ((mode ?? 0) & 0o100) === 0 ? "100644" : "100755";
    const hash = size <= HASHED_BYTES_MAX;
    return { now: hash ? gitMode : `${gitMode}:${mark}`, mark, hash };
  } catch {
    return { now: GONE, mark: GONE, hash: false };
  }
}

/** The blobs that these files would be, by path; none when one of them cannot be read. */
export async function hashesOf(
  files: readonly string[],
  { root, ...options }: { root: string } & Parameters<typeof gitText>[2],
): Promise<Map<string, string>> {
  if (files.length === 0) return new Map();
  const output = await gitText(root, ["hash-object", "--stdin-paths"], {
    ...options,
    timeoutMs: WORK_TREE_MS,
    input: files.map(pathLine).join(""),
  });
  const hashes = output?.trim().split("\n") ?? [];
  return new Map(hashes.length === files.length ? files.map((file, i) => [file, hashes[i]]) : []);
}

/** A path as git reads it from a list: one with a line end, or with a quote at its start, quoted. */
function pathLine(file: string): string {
  if (!/^"|\n/.test(file)) return `${file}\n`;
  const quoted = file.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return `"${quoted}"\n`;
}

interface Committed {
  old?: string;
  new?: string;
}

type CommittedChanges = ReadonlyMap<string, Committed>;

/** The last answer: an iteration asks three times for the same, and two commits never change. */
let lastBetween: { asked: string; changes: CommittedChanges } | undefined;

/** What differs between two commits, as mode and blob; an undefined one is the empty tree. */
export async function committedBetween(
  root: string,
  { from, to, ...options }: {
    from?: string;
    to?: string;
    clock: Clock;
    signal?: AbortSignal;
  },
): Promise<CommittedChanges | undefined> {
  const asked = JSON.stringify([root, from, to]);
  if (lastBetween?.asked === asked) return lastBetween.changes;
  const empty = async () =>
    (await gitText(root, ["hash-object", "-t", "tree", "--stdin"], options))?.trim();
  const [a, b] = [from ?? await empty(), to ?? await empty()];
  if (!a || !b) return undefined;
  const output = await gitText(
    root,
    ["diff-tree", "-r", "-z", "--raw", "--no-renames", a, b],
    options,
  );
  if (output === undefined) return undefined;
  const fields = output.split("\0");
  const changes = new Map<string, Committed>();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [oldMode, newMode, oldBlob, newBlob] = fields[i].slice(1).split(" ");
    const side = (mode: string, blob: string) => mode === "000000" ? undefined : `${mode}:${blob}`;
    changes.set(fields[i + 1], { old: side(oldMode, oldBlob), new: side(newMode, newBlob) });
  }
  lastBetween = { asked, changes };
  return changes;
}
