/**
 * A copy of a project in another place, to run commands in that must not see, or touch, all of the
 * original. It has a repository of its own, which borrows the original's objects: git works in it,
 * and nothing that is done there is written to the original.
 */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { letOthersRun, mapInTurns } from "../../event_loop.ts";
import { RalphError } from "../../error.ts";
import { linkInCopy } from "../files/file_state.ts";
import { freeBytes } from "../files/file_system.ts";
import { fileExists, textOf } from "../files/read_file.ts";
import { requireGit } from "./run_git.ts";
import { allOf, listWorkTree } from "./work_tree.ts";
import { plural } from "../../terminal/plural.ts";

/** What a copy may take, and what it must leave free on the disk for everybody else. */
const LIMITS = { files: 100_000, bytes: 8 * 1024 ** 3, spareBytes: 512 * 1024 ** 2 };
/** Ignored files that are bigger are linked: dumps and disk images, not settings. */
export const IGNORED_COPY_BYTES_MAX = 64 * 1024 ** 2;
/** Python finds what it compiled there by a file's time and size, whoever wrote it: it is left out. */
export const LEFT_OUT = /(^|\/)__pycache__\/$/;
/** Smaller files are copied without waiting: that is three times as fast (measured). */
const WAIT_BYTES_MIN = 1024 ** 2;
/** So many of those in a row take some milliseconds. */
const TURN_FILES = 64;
/** What a repository sets up for itself, in its common folder and in that of its work tree. */
const COMMON_FILES = ["config", "shallow", "info/exclude", "info/attributes"];
const TREE_FILES = ["info/sparse-checkout"];
/** Without what they keep there, git-lfs and git-crypt cannot write a file into a work tree. */
const OF_FILTERS = ["lfs", "git-crypt"];

interface Entry {
  readonly name: string;
  readonly info: Deno.FileInfo;
}

/**
 * Copies the work tree at `root` to `target`, which is made: all files that git does not ignore,
 * with their modes and times. Ignored folders, such as `node_modules`, become links to the original,
 * ignored files are copied. Throws `RalphError` (`failed`) when there is too much to copy or no room
 * for it, and `signal.reason` when aborted; what is made by then stays.
 */
export async function copyWorkTree(
  root: string,
  { target, clock, signal, limits = LIMITS }: {
    target: string;
    clock: Clock;
    signal?: AbortSignal;
    limits?: typeof LIMITS;
  },
): Promise<void> {
  const tree = await listWorkTree(root, { clock, signal });
  const ignoredFolders = tree.ignored.filter((name) => name.endsWith("/") && !LEFT_OUT.test(name));
  const ignoredFiles = tree.ignored.filter((name) => !name.endsWith("/"));
  const entries = await entriesOf(root, [...tree.files, ...ignoredFiles], signal);
  const isLinked = new Set(
    entriesOver(entriesNamed(entries, ignoredFiles), IGNORED_COPY_BYTES_MAX).map(({ name }) =>
      name
    ),
  );
  const copied = entries.filter(({ name }) => !isLinked.has(name));
  Deno.mkdirSync(target, { recursive: true, mode: 0o700 });
  checkRoom(root, { entries: copied, target, limits });

  const folders = new Set(
    [...entries.map(({ name }) => name), ...ignoredFolders.map((name) => name.slice(0, -1))]
      .map((name) => path.dirname(name)),
  );
  // a submodule that is not fetched is an empty folder
  const empty = entries.filter(({ info }) => info.isDirectory).map(({ name }) => name);
  for (const folder of [...folders, ...empty, ...tree.repositories]) {
    Deno.mkdirSync(path.join(target, folder), { recursive: true });
  }
  for (const name of [...ignoredFolders.map((name) => name.slice(0, -1)), ...isLinked]) {
    Deno.symlinkSync(path.join(root, name), path.join(target, name));
  }
  await copyEntries(copied, { root, target, signal });
  for (const repository of tree.repositories) {
    const [from, to] = [path.join(root, repository), path.join(target, repository)];
    await lendRepository(from, { to, clock, signal });
  }
  excludeInCopy(target, [...ignoredFolders.map((name) => name.slice(0, -1)), ...isLinked]);
}

/**
 * Has git ignore `names` in the copy, from its root: to a pattern such as `node_modules/` a link to that folder
 * is a file like any other (gitignore(5)).
 */
export function excludeInCopy(target: string, names: Iterable<string>): void {
  const lines = [...names].filter((name) => !name.includes("\n"))
    .map((name) => `/${name.replaceAll(/[\\*?[\] ]/g, "\\$&")}\n`);
  const options = { append: true, create: true };
  Deno.writeTextFileSync(path.join(target, ".git/info/exclude"), `\n${lines.join("")}`, options);
}

/** Removes a folder and all in it, folders that may not be written included. Links are not followed. */
export async function removeTree(folder: string): Promise<void> {
  try {
    await removeIfAny(folder);
  } catch {
    makeWritable(folder);
    await removeIfAny(folder);
  }
}

async function entriesOf(
  root: string,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<readonly Entry[]> {
  const looked = await mapInTurns(names, (name) => {
    try {
      return [{ name, info: Deno.lstatSync(path.join(root, name)) }];
    } catch {
      // deleted and still in the index
      return [];
    }
  }, signal);
  const entries = looked.flat();
  const links = new Set(entries.filter(({ info }) => info.isSymlink).map(({ name }) => name));
  // the index may know files that are to be found through a link only since their folder became one
  const isBeyondLink = (name: string): boolean => {
    const folder = path.dirname(name);
    return folder !== "." && (links.has(folder) || isBeyondLink(folder));
  };
  return links.size === 0 ? entries : entries.filter(({ name }) => !isBeyondLink(name));
}

function entriesNamed(entries: readonly Entry[], names: readonly string[]): readonly Entry[] {
  const wanted = new Set(names);
  return entries.filter(({ name }) => wanted.has(name));
}

function entriesOver(entries: readonly Entry[], bytes: number): readonly Entry[] {
  return entries.filter(({ info }) => info.isFile && info.size > bytes);
}

function checkRoom(
  root: string,
  { entries, target, limits }: {
    entries: readonly Entry[];
    target: string;
    limits: typeof LIMITS;
  },
): void {
  const bytes = entries.reduce((sum, { info }) => sum + (info.isFile ? info.size : 0), 0);
  const free = freeBytes(target) ?? Infinity;
  const tooMuch = entries.length > limits.files
    ? `it has ${plural(entries.length, "file")}, and at most ${limits.files} are copied`
    : bytes > limits.bytes
    ? `its files have ${gib(bytes)} GiB, and at most ${gib(limits.bytes)} GiB are copied`
    : bytes + limits.spareBytes > free
    ? `its files have ${gib(bytes)} GiB, and there are ${gib(free)} GiB free at ${target}`
    : undefined;
  if (tooMuch === undefined) return;
  throw new RalphError("failed", `cannot copy ${root} to run the gates apart: ${tooMuch}`);
}

const gib = (bytes: number) => (bytes / 1024 ** 3).toFixed(1);

async function copyEntries(
  entries: readonly Entry[],
  { root, target, signal }: { root: string; target: string; signal?: AbortSignal },
): Promise<void> {
  for (const [i, entry] of entries.entries()) {
    if (i % TURN_FILES === 0) await letOthersRun();
    signal?.throwIfAborted();
    await copyEntry(entry, { root, target });
  }
}

async function copyEntry(
  { name, info }: Entry,
  { root, target }: { root: string; target: string },
): Promise<void> {
  const from = path.join(root, name);
  const to = path.join(target, name);
  try {
    if (info.isSymlink) {
      Deno.symlinkSync(linkInCopy(Deno.readLinkSync(from), { file: name, root, target }), to);
    } else if (info.isFile) {
      if (info.size < WAIT_BYTES_MIN) Deno.copyFileSync(from, to);
      else await Deno.copyFile(from, to);
      Deno.utimeSync(to, info.atime ?? new Date(0), info.mtime ?? new Date(0));
    }
  } catch (error) {
    // deleted meanwhile, or not readable for the commands either
    const isMissing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied;
    if (isMissing) return;
    throw new RalphError("failed", `cannot copy ${from} to ${to}: ${error}`, [], { cause: error });
  }
}

/** What a repository sets up for itself: the text of each file that is there. */
export type RepositorySetup = Readonly<Record<string, string>>;

const WORKTREE_CONFIG = "config.worktree";

/** The setup as it is now. Throws as `requireGit` does. */
export async function setupOf(
  root: string,
  options: { clock: Clock; signal?: AbortSignal },
): Promise<RepositorySetup> {
  const { own, common } = await placesOf(root, options);
  const files = [
    ...COMMON_FILES.map((name) => [name, path.join(common, name)]),
    ...[...TREE_FILES, WORKTREE_CONFIG].map((name) => [name, path.join(own, name)]),
  ];
  return Object.fromEntries(files.flatMap(([name, file]) => {
    const text = textOf(file);
    return text === undefined ? [] : [[name, text]];
  }));
}

/** The folders of a repository: its work tree's own, the one of all work trees, that of its objects. */
async function placesOf(root: string, options: { clock: Clock; signal?: AbortSignal }) {
  const args = ["rev-parse", "--git-dir", "--git-common-dir", "--git-path", "objects"];
  const [own, common, objects] = (await requireGit(root, args, options)).trimEnd().split("\n")
    .map((one) => path.resolve(root, one));
  return { own, common, objects };
}

/**
 * Makes a repository at `to` with the state of the one at `from`: its commits, refs, index and
 * configuration, or with `setup` in place of that. Objects are borrowed (gitrepository-layout(5), `objects/info/alternates`): of those
 * that a command would write again, git sets the time of the original's file (2.39, measured).
 */
export async function lendRepository(
  from: string,
  { to, withIndex = true, setup, clock, signal }: {
    to: string;
    withIndex?: boolean;
    setup?: RepositorySetup;
    clock: Clock;
    signal?: AbortSignal;
  },
): Promise<void> {
  const ask = (...args: string[]) => requireGit(from, args, { clock, signal });
  const [{ own, common, objects }, refs, head] = await allOf([
    placesOf(from, { clock, signal }),
    ask("for-each-ref", "--format=%(objectname) %(refname)"),
    ask("symbolic-ref", "-q", "HEAD").then((ref) => `ref: ${ref}`, () => ask("rev-parse", "HEAD")),
  ]);
  const git = path.join(to, ".git");
  for (const folder of ["objects/info", "refs", "info"]) {
    Deno.mkdirSync(path.join(git, folder), { recursive: true });
  }
  Deno.writeTextFileSync(path.join(git, "objects/info/alternates"), `${objects}\n`);
  Deno.writeTextFileSync(path.join(git, "packed-refs"), refs);
  Deno.writeTextFileSync(path.join(git, "HEAD"), head);
  // a split index is in two files
  const index = [...Deno.readDirSync(own)].map(({ name }) => name)
    .filter((name) => withIndex && (name === "index" || name.startsWith("sharedindex.")));
  for (const name of index) copyIfAny(path.join(own, name), path.join(git, name));
  for (const [name, text] of Object.entries(setup ?? await setupOf(from, { clock, signal }))) {
    Deno.writeTextFileSync(path.join(git, name), text);
  }
  for (const name of OF_FILTERS) {
    const folder = path.join(common, name);
    if (fileExists(folder)) Deno.symlinkSync(folder, path.join(git, name));
  }
  const config = path.join(git, "config");
  const settings = [config, path.join(git, WORKTREE_CONFIG)].map((file) => textOf(file) ?? "")
    .join("\n");
  Deno.writeTextFileSync(config, settings + ownSettings(to, settings));
}

/**
 * What differs in the copy: the last of several settings holds (git-config(1)). The index knows the
 * original's files; of what it knows only size and time are the same here.
 */
function ownSettings(to: string, settings: string): string {
  const worktree = `"${to.replaceAll(/["\\]/g, "\\$&")}"`;
  const extensions = [
    ...(/worktreeConfig/i.test(settings) ? ["\tworktreeConfig = false\n"] : []),
    ...(/refStorage/i.test(settings) ? ["\trefStorage = files\n"] : []),
  ];
  return `
[core]
	bare = false
	worktree = ${worktree}
	fsmonitor = false
	trustctime = false
	checkStat = minimal
[gc]
	auto = 0
[extensions]
${extensions.join("")}`;
}

function copyIfAny(from: string, to: string): void {
  try {
    Deno.copyFileSync(from, to);
    const { atime, mtime } = Deno.statSync(from);
    Deno.utimeSync(to, atime ?? new Date(0), mtime ?? new Date(0));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function removeIfAny(folder: string): Promise<void> {
  try {
    await Deno.remove(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function makeWritable(folder: string): void {
  if (!Deno.lstatSync(folder).isDirectory) return;
  Deno.chmodSync(folder, 0o700);
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) makeWritable(path.join(folder, name));
  }
}
