/** What differs between a commit and the work tree, as patches: what a reviewer is shown. */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { textOf } from "../files/read_file.ts";
import { withoutLocalFilters } from "./local_filters.ts";
import { gitText, WORK_TREE_MS } from "./run_git.ts";
import { hashesOf } from "./tree_state.ts";

interface FilePatch {
  path: string;
  /** As `git diff` prints it, the line `diff --git …` included. Not safe to print. */
  patch: string;
}

/** What is larger is shown by its name alone: git takes it for binary (git-config(1)). */
const FILE_MAX = 512 * 1024;
/** The others are those by which git would pass over what has changed, set by whoever may write `.git`. */
const SHOWN = [
  ["core.bigFileThreshold", `${FILE_MAX}`],
  ["core.quotePath", "false"],
  ["core.trustctime", "true"],
  ["core.checkStat", "default"],
  ["core.ignoreStat", "false"],
] as const;
/** Files that git does not know, and does not ignore either: of more of them the names are shown. */
const NEW_FILES_MAX = 300;
/** Of those names, in UTF-16 units. */
const NAMES_MAX = 16_000;
const ID = /^[0-9a-f]{40,64}$/;
/** git-diff(1): no setting or attribute of the repository has a program run, or changes the form. */
const PLAINLY = ["--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"]
  .concat("--submodule=short", "--ignore-submodules=none", "--no-relative", "-O/dev/null")
  .concat("--unified=3");
/** Files that git calls binary: of more of them nobody looks whether they are. */
const UNSHOWN_MAX = 300;

/**
 * The changes since the commit `since`; since before the first one, where it is undefined. Files that git
 * does not know are among them. `ignore`: files and folders, relative to the root, that are left out.
 * Undefined when git cannot say, or not in time. Nothing of the repository is written.
 */
export async function changesSince(
  root: string,
  { clock, signal, since, ignore }: {
    clock: Clock;
    signal?: AbortSignal;
    since: string | undefined;
    ignore: readonly string[];
  },
): Promise<readonly FilePatch[] | undefined> {
  const limits = { clock, signal, timeoutMs: WORK_TREE_MS };
  const base = since ?? await emptyTree(root, { clock, signal });
  if (base === undefined || !ID.test(base)) return undefined;
  const config = [...await withoutLocalFilters(root, { clock, signal }), ...SHOWN];
  const places = ["--", ".", ...ignore.map((place) => `:(exclude,literal)${place}`)];
  const of = { ...limits, config };
  const [known, unknown, unwatched] = await Promise.all([
    patchesOf(root, { form: [], base, places }, of),
    gitText(root, ["ls-files", "-z", "--others", "--exclude-standard", ...places], limits),
    unwatchedFiles(root, places, of),
  ]);
  if (known === undefined || unknown === undefined || unwatched === undefined) return undefined;
  const fresh = unknown.split("\0").filter((file) => file !== "" && !file.endsWith("/"));
  return [
    ...await withTexts(root, known, { ...of, base }),
    ...fresh.slice(0, NEW_FILES_MAX).map((file) => ({ path: file, patch: newFile(root, file) })),
    ...moreFiles(fresh.slice(NEW_FILES_MAX)),
    ...unwatched,
  ];
}

type Options = Parameters<typeof gitText>[2];

/** What git knows, as it shows it. */
async function patchesOf(
  root: string,
  { form, base, places }: { form: readonly string[]; base: string; places: readonly string[] },
  options: Options,
): Promise<readonly FilePatch[] | undefined> {
  const diff = (...how: string[]) =>
    gitText(root, ["diff", ...PLAINLY, ...form, ...how, base, ...places], options);
  const [names, patches] = await Promise.all([diff("--name-only", "-z"), diff("--patch")]);
  if (names === undefined || patches === undefined) return undefined;
  const files = names.split("\0").filter(Boolean);
  const texts = sectionsOf(patches);
  if (files.length !== texts.length) return undefined;
  return files.map((file, i) => ({ path: file, patch: texts[i] }));
}

/**
 * With those as text that only attributes call binary (gitattributes(5)), or a single byte: in the tree and in
 * `.git/info/attributes` whoever did the work may say so of it.
 */
async function withTexts(
  root: string,
  files: readonly FilePatch[],
  { base, ...options }: Options & { base: string },
): Promise<readonly FilePatch[]> {
  const binary = files.filter(({ patch }) => /^Binary files .* differ$/m.test(patch));
  const unshown = binary.slice(0, UNSHOWN_MAX).map(({ path }) => path);
  if (unshown.length === 0) return files;
  const sizes = await gitText(root, ["ls-tree", "-rlz", base, "--", ...unshown], options);
  if (sizes === undefined) return files;
  const large = new Set([...sizes.matchAll(/(\d+)\t([^\0]*)\0/g)]
    .flatMap(([, size, file]) => Number(size) > FILE_MAX ? [file] : []));
  const small = unshown.filter((file) => !large.has(file) && isSmall(root, file));
  if (small.length === 0) return files;
  const places = ["--", ...small.map((file) => `:(literal)${file}`)];
  const asText = await patchesOf(root, { form: ["--text"], base, places }, options);
  const texts = new Map(asText?.map((file) => [file.path, shownAsText(file.patch)]));
  return files.map((file) => ({ ...file, patch: texts.get(file.path) ?? file.patch }));
}

/** Undefined for what no person could read either. */
function shownAsText(text: string): string | undefined {
  const strange = text.match(/[\0\uFFFD]/g)?.length ?? 0;
  return strange > text.length / 10 ? undefined : text.replaceAll("\0", "\u2400");
}

function isSmall(root: string, file: string): boolean {
  try {
    return Deno.lstatSync(path.join(root, file)).size <= FILE_MAX;
  } catch {
    return true; // it is gone
  }
}

/**
 * Files that git was told not to look at (`git update-index --assume-unchanged`, `--skip-worktree`), where they are
 * not as git believes. Of those that a sparse checkout leaves out there is nothing in the work tree.
 */
async function unwatchedFiles(
  root: string,
  places: readonly string[],
  options: Options,
): Promise<readonly FilePatch[] | undefined> {
  const listed = await gitText(root, ["ls-files", "-z", "-v", "--stage", ...places], options);
  if (listed === undefined) return undefined;
  // The tag is a small letter for the first, and an S for the other (git-ls-files(1)).
  const unwatched = [...listed.matchAll(/(?<=^|\0)([a-zS]) \d+ ([0-9a-f]+) \d\t([^\0]*)\0/g)]
    .map(([, tag, blob, file]) => ({ file, blob, isThere: isThere(root, file), tag }))
    .filter(({ tag, isThere }) => isThere || !/s/i.test(tag));
  const there = unwatched.filter(({ isThere }) => isThere).map(({ file }) => file);
  const now = await hashesOf(there, { ...options, root });
  return unwatched.filter(({ file, blob }) => now.get(file) !== blob).map(({ file, isThere }) => ({
    path: file,
    patch: `git is told not to look at this file; in the work tree it is ${
      isThere ? `this:\n${newFile(root, file)}` : "gone\n"
    }`,
  }));
}

function isThere(root: string, file: string): boolean {
  try {
    return !Deno.lstatSync(path.join(root, file)).isDirectory;
  } catch {
    return false;
  }
}

/** However many there are, that there are more is said. */
function moreFiles(files: readonly string[]): readonly FilePatch[] {
  if (files.length === 0) return [];
  const names = files.map((file) => JSON.stringify(file)).join("\n").slice(0, NAMES_MAX);
  return [{ path: `(${files.length} more new files)`, patch: `More new files:\n${names}\n` }];
}

/** By file. No line of a patch begins so but the one that begins it; git ends lines with `\n` alone. */
function sectionsOf(patches: string): readonly string[] {
  const texts: string[] = [];
  for (const text of patches.split(/(?<=\n)(?=diff --git )/)) {
    const [head] = text.split("\n", 1);
    const before = texts.at(-1);
    // A file that became a link, or a link a file, has two with one name.
    if (before?.split("\n", 1)[0] === head) texts[texts.length - 1] = before + text;
    else if (head.startsWith("diff --git ")) texts.push(text);
  }
  return texts;
}

async function emptyTree(
  root: string,
  options: { clock: Clock; signal?: AbortSignal },
): Promise<string | undefined> {
  return (await gitText(root, ["hash-object", "-t", "tree", "--stdin"], options))?.trim();
}

/** Of a file that git does not know: as git would show it, once added. Links are not followed. */
function newFile(root: string, file: string): string {
  const head = `diff --git a/${file} b/${file}\nnew file\n`;
  const text = contentOf(path.join(root, file));
  if (text === undefined) return `${head}Binary file, or too large to be shown\n`;
  const lines = text.replace(/\n$/, "").split("\n");
  const body = lines.map((line) => `+${line}\n`).join("");
  return `${head}--- /dev/null\n+++ b/${file}\n@@ -0,0 +1,${lines.length} @@\n${body}`;
}

function contentOf(file: string): string | undefined {
  try {
    const info = Deno.lstatSync(file);
    if (info.isSymlink) return `link to ${Deno.readLinkSync(file)}`;
    if (!info.isFile || info.size > FILE_MAX) return undefined;
    const text = textOf(file);
    return text === undefined ? undefined : shownAsText(text);
  } catch {
    return undefined; // it has gone meanwhile
  }
}
