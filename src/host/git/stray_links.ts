/**
 * Repositories inside of this one that it has as a commit alone, and no `.gitmodules` names: what
 * `git add` makes of a folder with a `.git` in it. Whoever clones it gets an empty folder.
 */
import type { Clock } from "../../clock.ts";
import { namedSubmodules } from "./submodules.ts";
import { committedBetween, SUBMODULE, type TreeState } from "./tree_state.ts";

/** Folders of those that came since `start`, committed or staged; undefined when git cannot say. */
export async function strayLinks(
  root: string,
  { start, now }: { start: TreeState; now: TreeState },
  options: { clock: Clock; signal?: AbortSignal },
): Promise<readonly string[] | undefined> {
  const between = start.head === now.head
    ? new Map<string, { old?: string; new?: string }>()
    : await committedBetween(root, { from: start.head, to: now.head, ...options });
  if (!between) return undefined;
  const isLink = (entry: string | undefined) => entry?.startsWith(SUBMODULE) ?? false;
  const committed = [...between].filter(([, entry]) => isLink(entry.new) && !isLink(entry.old));
  const staged = [...now.changed].filter(([file, { submodule, committed }]) =>
    submodule !== undefined && committed === undefined && !start.changed.has(file)
  );
  const links = [...committed, ...staged].map(([folder]) => folder);
  if (links.length === 0) return [];
  const named = new Set((await namedSubmodules(root, options)).map(({ folder }) => folder));
  return links.filter((folder) => !named.has(folder));
}
