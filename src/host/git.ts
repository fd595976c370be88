/** What git says of a work tree. Nothing here changes anything: not even the index is refreshed. */
import * as path from "node:path";

export interface TreeState {
  /** The commit that is checked out; undefined before the first one. */
  head?: string;
  /** The branch that is checked out; undefined when none is. */
  branch?: string;
  /** Paths that differ from the commit. */
  changed: ReadonlyMap<string, ChangedPath>;
  /** Folders, each with a `/` at its end, that are repositories of their own: not in this tree. */
  repositories?: readonly string[];
}

export interface ChangedPath {
  /** Mode and blob in the commit; undefined when it has no such path. */
  committed?: string;
  /** The same of the work tree, as if it were added now. */
  now: string;
  /** Differs when the file was written: what has the same mark need not be read again. */
  mark: string;
}

export interface TreeChange {
  /** Commits that were made, and how many of them touch a file that counts. */
  commits: number;
  workCommits: number;
  /** Files whose content or mode is another one now, committed or not. */
  files: readonly string[];
}

/** Reading more takes longer than its content is worth as evidence: its mark stands for it. */
const HASHED_BYTES_MAX = 64 * 1024 * 1024;
const GONE = "gone";

/**
 * The state of the work tree; undefined when git cannot say. What has not been written since `known`
 * is not read again.
 */
export async function treeState(
  root: string,
  known?: TreeState,
): Promise<TreeState | undefined> {
  const output = await git(root, [
    "status",
    "--porcelain=v2",
    "--branch",
    "--untracked-files=all",
    "--no-renames",
    "-z",
  ]);
  if (output === undefined) return undefined;
  let head: string | undefined;
  let branch: string | undefined;
  const repositories: string[] = [];
  const entries: [string, ChangedPath & { hash?: boolean }][] = [];
  for (const record of output.split("\0")) {
    const [, header, value] = /^# branch\.(oid|head) (.*)$/s.exec(record) ?? [];
    if (header === "oid" && value !== "(initial)") head = value;
    if (header === "head" && value !== "(detached)") branch = value;
    const found = changedPath(record);
    if (!found) continue;
    const [file, committed] = found;
    if (file.endsWith("/")) {
      repositories.push(file);
      continue;
    }
    const look = lookAt(root, file);
    const before = known?.changed.get(file);
    const same = before?.mark === look.mark;
    entries.push([file, {
      committed,
      ...look,
      ...(same && { now: before.now, hash: false }),
    }]);
  }
  const toHash = entries.filter(([, { hash }]) => hash).map(([file]) => file);
  const hashes = await hashesOf(root, toHash);
  const changed = entries.map(([file, { hash, ...entry }]): [string, ChangedPath] => {
    if (!hash) return [file, entry];
    return [file, { ...entry, now: `${entry.now}:${hashes.get(file) ?? entry.mark}` }];
  });
  return { head, branch, changed: new Map(changed), repositories };
}

/**
 * What differs between two states; undefined when git cannot say, as in a repository that was made
 * anew. `ignore`: a folder, relative to the root, that does not count; empty when all do.
 */
export async function treeChange(
  root: string,
  { before, after, ignore }: { before: TreeState; after: TreeState; ignore: string },
): Promise<TreeChange | undefined> {
  const counts = (file: string) => ignore === "" || !file.startsWith(`${ignore}/`);
  const moved = before.head !== after.head;
  const range = before.head ? `${before.head}..${after.head}` : `${after.head}`;
  const count = async (...only: string[]) =>
    moved && after.head ? Number(await git(root, ["rev-list", "--count", range, ...only]) ?? 0) : 0;
  const [between, commits, workCommits] = await Promise.all([
    moved ? committedBetween(root, before.head, after.head) : new Map<string, Committed>(),
    count(),
    ignore === "" ? count() : count("--", ".", `:(exclude,literal)${ignore}`),
  ]);
  if (!between) return undefined;
  const candidates = new Set([
    ...before.changed.keys(),
    ...after.changed.keys(),
    ...between.keys(),
  ]);
  const files = [...candidates].filter((file) => {
    if (!counts(file)) return false;
    const was = before.changed.get(file);
    const is = after.changed.get(file);
    // A path that is not in a state is there as in its commit; the other state may know that one.
    const committed = between.get(file);
    const then = was?.now ?? (committed ? committed.old : is?.committed) ?? GONE;
    const now = is?.now ?? (committed ? committed.new : was?.committed) ?? GONE;
    return then !== now;
  });
  return { commits, workCommits, files };
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
    // A submodule: its own commit shows once it is committed here.
    if (!isFile) return { now: "160000", mark: "folder", hash: false };
    const gitMode = ((mode ?? 0) & 0o100) === 0 ? "100644" : "100755";
    const hash = size <= HASHED_BYTES_MAX;
    return { now: hash ? gitMode : `${gitMode}:${mark}`, mark, hash };
  } catch {
    return { now: GONE, mark: GONE, hash: false };
  }
}

/** The blobs that these files would be, by path; none when one of them cannot be read. */
async function hashesOf(root: string, files: readonly string[]): Promise<Map<string, string>> {
  if (files.length === 0) return new Map();
  const output = await git(root, ["hash-object", "--stdin-paths"], files.map(pathLine).join(""));
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

/** What differs between two commits, as mode and blob; an undefined one is the empty tree. */
async function committedBetween(
  root: string,
  from: string | undefined,
  to: string | undefined,
): Promise<Map<string, Committed> | undefined> {
  const empty = async () => (await git(root, ["hash-object", "-t", "tree", "--stdin"], ""))?.trim();
  const [a, b] = [from ?? await empty(), to ?? await empty()];
  if (!a || !b) return undefined;
  const output = await git(root, ["diff-tree", "-r", "-z", "--raw", "--no-renames", a, b]);
  if (output === undefined) return undefined;
  const fields = output.split("\0");
  const changes = new Map<string, Committed>();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [oldMode, newMode, oldBlob, newBlob] = fields[i].slice(1).split(" ");
    const side = (mode: string, blob: string) => mode === "000000" ? undefined : `${mode}:${blob}`;
    changes.set(fields[i + 1], { old: side(oldMode, oldBlob), new: side(newMode, newBlob) });
  }
  return changes;
}

/** What git prints; undefined when it fails. */
async function git(
  root: string,
  args: readonly string[],
  input?: string,
): Promise<string | undefined> {
  try {
    const child = new Deno.Command("git", {
      args: ["--no-optional-locks", "-C", root, ...args],
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const [{ success, stdout }] = await Promise.all([child.output(), feed(child, input)]);
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}

async function feed(child: Deno.ChildProcess, input: string | undefined): Promise<void> {
  if (input === undefined) return;
  const writer = child.stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  } catch {
    // git ended before it had read all: its exit code says so.
  }
}
