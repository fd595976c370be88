/** A person's edit of a PRD that others have changed since it was opened. Pure. */
import type { PrdDocument } from "../../task/prd.ts";
import { outsideOf, textsById } from "./prd_authors.ts";
import { takeStories } from "./take_stories.ts";

/**
 * `edited`, which was made of `base`, with what `now` has beside it. `conflict`: what both changed, in
 * words. Throws `RalphError` (`usage`) when that makes no PRD.
 */
export function mergeEdit(
  { base, edited, now }: { base: PrdDocument; edited: PrdDocument; now: PrdDocument },
): { prd: PrdDocument } | { conflict: string } {
  const [was, mine, theirs] = [base, edited, now].map(textsById);
  const changed = (of: ReadonlyMap<string, string>) =>
    new Set([...was.keys(), ...of.keys()].filter((id) => was.get(id) !== of.get(id)));
  const [byMe, byThem] = [mine, theirs].map(changed);
  const both = [...byMe].filter((id) => byThem.has(id) && mine.get(id) !== theirs.get(id));
  if (both.length > 0) return { conflict: both.join(", ") };
  if (outsideOf(now) === outsideOf(base)) return { prd: takeStories(edited, now, byThem) };
  if (outsideOf(edited) === outsideOf(base)) return { prd: takeStories(now, edited, byMe) };
  return { conflict: "what stands outside of the stories" };
}
