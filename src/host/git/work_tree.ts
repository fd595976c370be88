/**
 * The files of a work tree as git lists them, submodules and repositories inside it included. Git
 * is only asked: it writes nothing, and runs nothing that the repository's own configuration names.
 */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { requireGit, WORK_TREE_MS } from "./run_git.ts";

interface TreeFiles {
  /** Tracked files, and untracked ones that are not ignored. All paths are relative to the root. */
  readonly files: readonly string[];
  /** Submodules and other repositories inside this one; "" for the root itself. */
  readonly repositories: readonly string[];
}

interface WorkTree extends TreeFiles {
  /** What git ignores: files, and folders with a `/` at the end, of which all is ignored. */
  readonly ignored: readonly string[];
}

interface ListOptions {
  clock: Clock;
  signal?: AbortSignal;
}

/** The mode of a submodule in the index (gitdatamodel(7)). */
const SUBMODULE = "160000 ";

/** The submodules that the index has, fetched or not. Throws as `listFiles` does. */
export async function submodulesIn(root: string, options: ListOptions): Promise<readonly string[]> {
  return (await list(root, ["--stage"], options))
    .filter((entry) => entry.startsWith(SUBMODULE)).map(nameOf);
}

const nameOf = (entry: string) => entry.slice(entry.indexOf("\t") + 1);

/**
 * The files, as the index and the folders have them: none of them is looked at. Names that are not
 * UTF-8 come with U+FFFD in them, and so mean no file. Throws `RalphError` (`failed`) when git cannot
 * list them, or not in time, and `signal.reason` when aborted.
 */
export async function listFiles(root: string, options: ListOptions): Promise<TreeFiles> {
  const { own, inner } = await listOwn(root, options);
  const trees = await allOf(inner.map((name) => listFiles(path.join(root, name), options)));
  return withInner(own, inner, trees);
}

/** The same, and what is ignored. */
export async function listWorkTree(root: string, options: ListOptions): Promise<WorkTree> {
  const [{ own, inner }, ignored] = await allOf([
    listOwn(root, options),
    list(root, ["--others", "--ignored", "--exclude-standard", "--directory"], options),
  ]);
  const trees = await allOf(inner.map((name) => listWorkTree(path.join(root, name), options)));
  return {
    ...withInner(own, inner, trees),
    ignored: [
      ...outermost(ignored),
      ...trees.flatMap((tree, i) => tree.ignored.map((one) => path.posix.join(inner[i], one))),
    ],
  };
}

/** `own`: the files of this repository; `inner`: where others are. */
async function listOwn(
  root: string,
  options: ListOptions,
): Promise<{ own: readonly string[]; inner: readonly string[] }> {
  const [staged, others] = await allOf([
    list(root, ["--cached", "--stage"], options),
    list(root, ["--others", "--exclude-standard"], options),
  ]);
  const own = new Set<string>();
  const folders = others.filter((name) => name.endsWith("/")).map((name) => name.slice(0, -1));
  for (const entry of staged) {
    const name = nameOf(entry);
    own.add(name);
    if (entry.startsWith(SUBMODULE)) folders.push(name);
  }
  for (const name of others) if (!name.endsWith("/")) own.add(name);
  // Of a submodule that is not fetched there is only the folder.
  const inner = [...new Set(folders)].filter((name) => isRepository(root, name));
  for (const name of inner) own.delete(name);
  return { own: [...own], inner };
}

async function list(
  root: string,
  args: readonly string[],
  { clock, signal }: ListOptions,
): Promise<readonly string[]> {
  const limits = { clock, signal, timeoutMs: WORK_TREE_MS };
  return (await requireGit(root, ["ls-files", "-z", ...args], limits)).split("\0").filter(Boolean);
}

function withInner(
  own: readonly string[],
  inner: readonly string[],
  trees: readonly TreeFiles[],
): TreeFiles {
  const under = (key: keyof TreeFiles) =>
    trees.flatMap((tree, i) => tree[key].map((one) => path.posix.join(inner[i], one)));
  return {
    files: [...own, ...under("files")],
    repositories: ["", ...under("repositories")],
  };
}

/** Like `Promise.all`, but nothing is at work any more when it throws. */
export async function allOf<T extends readonly unknown[]>(
  promises: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  await Promise.allSettled(promises);
  return await Promise.all(promises) as unknown as T;
}

/** Git names a folder and one in it where nothing else is in there (2.39, measured). */
function outermost(ignored: readonly string[]): readonly string[] {
  const folders = new Set(ignored);
  const isWithin = (name: string): boolean => {
    const folder = path.posix.dirname(name);
    return folder !== "." && (folders.has(`${folder}/`) || isWithin(folder));
  };
  return ignored.filter((name) => !isWithin(name.replace(/\/$/, "")));
}

/** Whether a folder in `root`, reached through no link, as by git, is a repository of its own. */
export function isRepository(root: string, name: string): boolean {
  const folder = path.join(root, name);
  try {
    Deno.lstatSync(path.join(folder, ".git"));
    return Deno.realPathSync(folder) === path.join(Deno.realPathSync(root), name);
  } catch {
    return false;
  }
}
