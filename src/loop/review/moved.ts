/** Whether the work is still what a reviewer was shown: nothing else was reviewed. */
import type { TreeState } from "../../host/git/tree_state.ts";
import { listed, NO_ANSWER } from "../../verify/undelivered.ts";
import type { LoopTools } from "../context.ts";

/**
 * Why the work is not known to be as it was `before`, in words; undefined when it is, committed or not.
 * `ignore`: files and folders, relative to the root, that are no work.
 */
export async function movedSince(
  tree: Pick<LoopTools["tree"], "state" | "change">,
  root: string,
  { before, ignore }: { before: TreeState | undefined; ignore: readonly string[] },
): Promise<string | undefined> {
  const after = before && await tree.state(root, before);
  const change = before && after && await tree.change(root, { before, after, ignore });
  if (!change) return `whether the work changed while it was reviewed is not known: ${NO_ANSWER}`;
  if (change.files.length === 0) return undefined;
  return `the work changed while it was reviewed: ${listed(change.files)}`;
}
