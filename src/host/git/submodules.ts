/** The submodules of a worktree, out of those of the tree that it was made from: nothing is downloaded. */
import * as path from "node:path";
import type { Clock } from "../../clock.ts";
import { fileExists } from "../files/read_file.ts";
import { gitText, requireGit, WORK_TREE_MS } from "./run_git.ts";
import { allOf, submodulesIn } from "./work_tree.ts";

interface Options {
  clock: Clock;
  signal?: AbortSignal;
}

/**
 * Checks out in `root` each submodule that `home` has, at the commit that `root` names; done twice, it
 * changes nothing. One that is not fetched at home is an empty folder here, too. Throws as `requireGit`
 * does.
 */
export async function prepareSubmodules(
  home: string,
  { root, ...options }: Options & { root: string },
): Promise<void> {
  if (!fileExists(path.join(root, ".gitmodules"))) return;
  for (const { name, folder } of await submodulesOf(root, options)) {
    const [from, to] = [path.join(home, folder), path.join(root, folder)];
    if (!fileExists(path.join(from, ".git"))) continue;
    if (!fileExists(path.join(to, ".git"))) {
      // The remote of a copy on this disk: git takes none without being told (protocol.file.allow).
      const config = [["protocol.file.allow", "always"], [`submodule.${name}.url`, from]] as const;
      await requireGit(root, ["submodule", "--quiet", "update", "--init", "--", folder], {
        ...options,
        config,
        timeoutMs: WORK_TREE_MS,
        changes: true,
      });
    }
    await remoteAsAtHome(from, to, options);
    await prepareSubmodules(from, { root: to, ...options });
  }
}

/** Those that the index has. */
async function submodulesOf(
  root: string,
  options: Options,
): Promise<readonly { name: string; folder: string }[]> {
  const [named, links] = await allOf([
    namedSubmodules(root, options),
    submodulesIn(root, options),
  ]);
  return named.filter(({ folder }) => links.includes(folder));
}

/** As `.gitmodules` has them, which may name any path; none without that file. */
export async function namedSubmodules(
  root: string,
  options: Options,
): Promise<readonly { name: string; folder: string }[]> {
  const args = ["config", "--file", ".gitmodules", "--null", "--get-regexp", String.raw`\.path$`];
  return (await gitText(root, args, options) ?? "").split("\0").filter(Boolean).map((entry) => {
    const [key, ...value] = entry.split("\n");
    return { name: key.slice("submodule.".length, -".path".length), folder: value.join("\n") };
  });
}

/** Where the one at home gets its commits from; without one there it has none here. */
async function remoteAsAtHome(from: string, to: string, options: Options): Promise<void> {
  const url = (await gitText(from, ["config", "remote.origin.url"], options))?.trim();
  const now = (await gitText(to, ["config", "remote.origin.url"], options))?.trim();
  if (url === now || now === undefined) return;
  const args = url === undefined
    ? ["remote", "remove", "origin"]
    : ["config", "remote.origin.url", url];
  await requireGit(to, args, { ...options, changes: true });
}
