/**
 * What a clone of the repository would have, for gates to run in: all that is committed, and of what
 * git ignores only what was there at an earlier time, as dependencies are.
 */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { fileExists } from "../files/read_file.ts";
import { requireGit, WORK_TREE_MS } from "./run_git.ts";
import { lendIgnored } from "./lend_ignored.ts";
import {
  excludeInCopy,
  LEFT_OUT,
  lendRepository,
  type RepositorySetup,
  setupOf,
} from "./scratch_tree.ts";
import { allOf, listWorkTree } from "./work_tree.ts";

/**
 * What git ignores at some time: files, and folders with a `/` at the end, each with the names that are
 * in it; of a folder with too many names none is kept, and all of it counts.
 */
export type Ignored = readonly (readonly [name: string, inside: readonly string[] | null])[];

/** What a clean checkout has beside what is committed, as it was at some time. */
export interface CleanStart {
  readonly ignored: Ignored;
  /** By folder, of each repository in the tree, "" for the root. Undefined: as they are set up now. */
  readonly setups?: Readonly<Record<string, RepositorySetup>>;
}

/** More are a cache's, not a list of dependencies. */
const INSIDE_MAX = 5_000;

interface Options {
  clock: Clock;
  signal?: AbortSignal;
}

/** Throws as `listWorkTree` does. */
export async function ignoredNow(root: string, options: Options): Promise<Ignored> {
  return ignoredOf(root, await listWorkTree(root, options));
}

const ignoredOf = (root: string, { ignored }: { ignored: readonly string[] }): Ignored =>
  ignored.map((name) => [name, name.endsWith("/") ? namesIn(path.join(root, name)) : null]);

/** Throws as `listWorkTree` does. */
export async function cleanStart(root: string, options: Options): Promise<CleanStart> {
  const tree = await listWorkTree(root, options);
  const setups = await allOf(
    tree.repositories.map(async (folder) =>
      [folder, await setupOf(path.join(root, folder), options)] as const
    ),
  );
  return { ignored: ignoredOf(root, tree), setups: Object.fromEntries(setups) };
}

/**
 * Makes `target`: the commit that is checked out at `root`, its submodules at the commits that it names,
 * and what was ignored before. Each repository is set up as it was then, and one that came since as git
 * does it: a filter that came since would make files that no clone has. Throws `RalphError` (`failed`)
 * when git cannot do that, and `signal.reason` when aborted; what is made by then stays.
 */
export async function checkOutHead(
  root: string,
  { target, start, ...options }: Options & { target: string; start: CleanStart },
): Promise<void> {
  Deno.mkdirSync(target, { recursive: true, mode: 0o700 });
  const { ignored, setups } = start;
  await checkOut("", { root, target, commit: "HEAD", setups, ...options });
  const lent: string[] = [];
  for (const [name, inside] of ignored) {
    if (LEFT_OUT.test(name)) continue;
    const folder = name.replace(/\/$/, "");
    const names = name === folder ? null : namesIn(path.join(root, folder));
    const isSame = inside === null || names === null || names.join("\0") === inside.join("\0");
    lent.push(...isSame ? [folder] : inside.map((one) => path.join(folder, one)));
  }
  await lendIgnored(lent, { root, target }, options);
  excludeInCopy(target, lent);
}

async function checkOut(
  folder: string,
  { commit, ...order }: Options & {
    root: string;
    target: string;
    commit: string;
    setups?: CleanStart["setups"];
  },
): Promise<void> {
  const { root, target, setups, ...options } = order;
  const [from, to] = [path.join(root, folder), path.join(target, folder)];
  const setup = setups && (setups[folder] ?? {});
  // Without the index: by its marks (git-update-index(1), skip-worktree) files would be left out.
  await lendRepository(from, { to, withIndex: false, setup, ...options });
  const limits = { ...options, timeoutMs: WORK_TREE_MS };
  await requireGit(to, ["reset", "--hard", "--quiet", commit], { ...limits, changes: true });
  const listed = await requireGit(to, ["ls-files", "--stage", "-z"], limits);
  for (const line of listed.split("\0")) {
    const [, inner, name] = /^160000 ([0-9a-f]+) \d\t(.*)$/s.exec(line) ?? [];
    // One that was never fetched is an empty folder in every tree.
    if (inner === undefined || !fileExists(path.join(from, name, ".git"))) continue;
    await checkOut(path.posix.join(folder, name), { commit: inner, ...order });
  }
}

function namesIn(folder: string): readonly string[] | null {
  const names: string[] = [];
  try {
    for (const { name } of Deno.readDirSync(folder)) {
      if (names.push(name) > INSIDE_MAX) return null;
    }
  } catch {
    return null;
  }
  return names.sort();
}
