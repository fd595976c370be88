/** Git's worktrees: making one, looking at it, and removing it. */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { GitError, RalphError } from "../../error.ts";
import { plain } from "../../terminal/plain.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import { freeBytes } from "../files/file_system.ts";
import { fileExists } from "../files/read_file.ts";
import { withoutLocalFilters } from "./local_filters.ts";
import { gitText, requireGit, WORK_TREE_MS } from "./run_git.ts";
import { allOf, listWorkTree } from "./work_tree.ts";

interface Options {
  clock: Clock;
  signal?: AbortSignal;
}

/** A large tree is written, and what it keeps elsewhere fetched: cut short, it would be half done. */
const CHECKOUT_MS = 600_000;

/** A branch, and what it has to be made at; undefined: it is there. */
interface TreeBranch {
  name: string;
  at?: string;
  /** `at` is a remote's branch, which it follows. */
  tracks?: boolean;
}

/**
 * Makes a worktree with the branch checked out. Throws `RalphError` (`failed`); of one that git could not
 * make nothing is left.
 */
export async function addWorktree(
  home: string,
  { root, branch, ...options }: Options & { root: string; branch: TreeBranch },
): Promise<void> {
  const made = branch.at === undefined
    ? [root, branch.name]
    : [branch.tracks ? "--track" : "--no-track", "-b", branch.name, root, branch.at];
  const limits = { ...options, timeoutMs: CHECKOUT_MS, changes: true };
  try {
    await requireGit(home, ["worktree", "add", "--quiet", ...made], limits);
  } catch (error) {
    const full = await whyNoRoom(home, { root, commit: branch.at ?? branch.name, ...options });
    if (full === undefined || !(error instanceof GitError)) throw error;
    throw new RalphError("failed", `${error.message}: ${full}`, [
      { text: "see how much room there is", command: `df -h ${shellWord(path.dirname(root))}` },
    ], { cause: error });
  }
}

/** Git does not always say that it is the disk: `unable to write file` (2.39, measured). */
async function whyNoRoom(
  home: string,
  { root, commit, ...options }: Options & { root: string; commit: string },
): Promise<string | undefined> {
  const listed = await gitText(home, ["ls-tree", "-r", "-l", "-z", commit], options) ?? "";
  const bytes = listed.split("\0")
    .reduce((sum, line) => sum + (Number(line.split("\t", 1)[0].split(/ +/)[3]) || 0), 0);
  const free = freeBytes(path.dirname(root)) ?? Infinity;
  if (bytes < free) return undefined;
  const [needed, left] = [bytes, free].map((one) => (one / 1024 ** 2).toFixed(1));
  return `its files have ${needed} MiB, and ${left} MiB are free at ${
    plain(path.dirname(root), 200)
  }`;
}

/**
 * Removes a worktree with all that is in it, and git's record of one whose folder is gone. The branch
 * stays. Throws as `requireGit` does.
 */
export async function removeWorktree(
  home: string,
  { root, ...options }: Options & { root: string },
): Promise<void> {
  // Twice, for one that git has locked while it made it, and died.
  const args = ["worktree", "remove", "--force", "--force", root];
  await requireGit(home, args, { ...options, timeoutMs: CHECKOUT_MS, changes: true });
}

/** The roots of all worktrees that git has on record, with their branches; the main one comes first. */
export async function listWorktrees(
  home: string,
  options: Options,
): Promise<ReadonlyMap<string, string | undefined>> {
  const text = await requireGit(home, ["worktree", "list", "--porcelain"], options);
  return new Map(
    text.split("\n\n").map((entry) => entry.split("\n")).flatMap((lines) => {
      const root = lines[0]?.replace(/^worktree /, "");
      const branch = lines.find((line) => line.startsWith("branch "));
      return root ? [[root, branch?.replace(/^branch refs\/heads\//, "")]] : [];
    }),
  );
}

/** Whether a working tree is there that git knows by that path. */
export const isThere = (root: string): boolean => fileExists(path.join(root, ".git"));

/** The commit that a name means; undefined when it means none. */
export async function commitOf(
  root: string,
  name: string,
  options: Options,
): Promise<string | undefined> {
  const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`];
  return (await gitText(root, args, options))?.trim();
}

/** What is in no commit, from the root; files that git ignores are none of it. */
export async function uncommittedIn(
  root: string,
  { within = [], ...options }: Options & { within?: readonly string[] },
): Promise<readonly string[]> {
  const text = await requireGit(root, [
    "--literal-pathspecs",
    "status",
    "--porcelain",
    "--untracked-files=all",
    "--ignore-submodules=none",
    "--no-renames",
    "-z",
    "--",
    ...within,
  ], { ...options, config: await withoutLocalFilters(root, options), timeoutMs: WORK_TREE_MS });
  return text.split("\0").filter(Boolean).map((record) => record.slice(3));
}

/**
 * Names of submodules, and "" for the root, whose checked-out commit nothing but this worktree has: no
 * branch but `own` and none of a remote, nor the submodule at home.
 */
export async function onlyHere(
  root: string,
  { own, home, ...options }: Options & { own: string; home: string },
): Promise<readonly string[]> {
  const { repositories } = await listWorkTree(root, options);
  const found = await allOf(repositories.map(async (folder) => {
    const there = path.join(root, folder);
    const places = folder === "" ? ["refs/heads", "refs/remotes", "refs/tags"] : ["refs/remotes"];
    const args = ["for-each-ref", "--contains", "HEAD", "--format=%(refname)", ...places];
    const refs = (await requireGit(there, args, options)).split("\n");
    if (refs.some((ref) => ref !== "" && ref !== `refs/heads/${own}`)) return [];
    if (folder === "") return [folder];
    const head = await commitOf(there, "HEAD", options);
    const atHome = head && await commitOf(path.join(home, folder), head, options);
    return atHome === undefined ? [folder] : [];
  }));
  return found.flat();
}
