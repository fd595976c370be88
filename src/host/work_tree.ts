/**
 * The files of a work tree as git lists them, submodules and repositories inside it included. Git
 * is only asked: it writes nothing, and runs nothing that the repository's own configuration names.
 */
import * as path from "node:path";
import { RalphError } from "../error.ts";

export interface WorkTree {
  /** Tracked files, and untracked ones that are not ignored. All paths are relative to the root. */
  readonly files: readonly string[];
  /** What git ignores: files, and folders with a `/` at the end, of which all is ignored. */
  readonly ignored: readonly string[];
  /** Submodules and other repositories inside this one; "" for the root itself. */
  readonly repositories: readonly string[];
}

/** Throws `RalphError` (`failed`) when git cannot list them, and `signal.reason` when aborted. */
export async function listWorkTree(
  root: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<WorkTree> {
  const list = async (...args: string[]) =>
    (await askGit(root, ["ls-files", "-z", "--exclude-standard", ...args], { signal }))
      .split("\0").filter(Boolean);
  const [listed, ignored] = await allOf([
    list("--cached", "--others"),
    list("--others", "--ignored", "--directory"),
  ]);
  const files: string[] = [];
  const inner: string[] = [];
  for (const name of new Set(listed)) {
    // a repository inside this one is listed as a folder, a submodule by its bare name
    if (isRepository(path.join(root, name))) inner.push(name.replace(/\/$/, ""));
    else if (!name.endsWith("/")) files.push(name);
  }
  const trees = await allOf(inner.map(async (name) => {
    const tree = await listWorkTree(path.join(root, name), { signal });
    const under = (one: string) => path.posix.join(name, one);
    return {
      files: tree.files.map(under),
      ignored: tree.ignored.map(under),
      repositories: tree.repositories.map(under),
    };
  }));
  return {
    files: [...files, ...trees.flatMap((tree) => tree.files)],
    ignored: [...outermost(ignored), ...trees.flatMap((tree) => tree.ignored)],
    repositories: ["", ...trees.flatMap((tree) => tree.repositories)],
  };
}

/**
 * What git prints. Names that are not UTF-8 come with U+FFFD in them, and so mean no file. Throws
 * `RalphError` (`failed`) when git fails.
 */
export async function askGit(
  root: string,
  args: readonly string[],
  { signal }: { signal?: AbortSignal } = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args: ["--no-optional-locks", "-c", "core.fsmonitor=false", "-C", root, ...args],
    stdin: "null",
    signal,
  }).output().catch((error) => {
    throw new RalphError("failed", `cannot run \`git\`: ${error.message}`, [], { cause: error });
  });
  signal?.throwIfAborted();
  if (success) return new TextDecoder().decode(stdout);
  const why = new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? "";
  throw new RalphError("failed", `\`git ${args[0]}\` failed in ${root}: ${why}`);
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

function isRepository(folder: string): boolean {
  try {
    Deno.lstatSync(path.join(folder, ".git"));
    return Deno.lstatSync(folder.replace(/\/$/, "")).isDirectory;
  } catch {
    return false;
  }
}
