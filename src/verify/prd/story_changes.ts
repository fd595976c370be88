/** What a person changed in a PRD, story by story, in words. Pure. */
import { RalphError } from "../../error.ts";
import { openPrd, type PrdDocument } from "../../task/prd.ts";
import { plain } from "../../terminal/plain.ts";
import { textsById } from "./prd_authors.ts";

/** Clauses such as `US-003 changed`, safe to show; none of a PRD that nobody could read before. */
export function storyChanges(before: Uint8Array, now: PrdDocument): readonly string[] {
  const was = read(now.source.path, before);
  if (!was) return [];
  const [texts, newTexts] = [was, now].map(textsById);
  const passed = new Map(was.stories.map(({ id, passes }) => [id, passes]));
  const named = (id: string, what: string) => `${plain(id, 60)} ${what}`;
  const changed = now.stories.flatMap(({ id, passes }) => {
    if (!texts.has(id)) return [named(id, "new")];
    if (texts.get(id) === newTexts.get(id)) return [];
    if (!passed.has(id)) return [named(id, "back in the work")];
    if (passed.get(id) && !passes) return [named(id, "open again")];
    if (!passed.get(id) && passes) return [named(id, "said to be done")];
    return [named(id, "changed")];
  });
  const kept = new Set(now.stories.map(({ id }) => id));
  const gone = [...passed.keys()].filter((id) => !kept.has(id))
    .map((id) => named(id, newTexts.has(id) ? "left out" : "gone"));
  return [...changed, ...gone];
}

/** Ids of the stories that a person has marked as done, in edits that were made through ralph. */
export function storiesTicked(
  path: string,
  edits: readonly { before: Uint8Array; after: Uint8Array }[],
): ReadonlySet<string> {
  const passing = (bytes: Uint8Array) =>
    read(path, bytes)?.stories.filter(({ passes }) => passes).map(({ id }) => id) ?? [];
  return new Set(edits.flatMap(({ before, after }) => {
    const was = new Set(passing(before));
    return passing(after).filter((id) => !was.has(id));
  }));
}

function read(path: string, bytes: Uint8Array): PrdDocument | undefined {
  try {
    return openPrd({ path, bytes });
  } catch (error) {
    if (error instanceof RalphError) return undefined;
    throw error;
  }
}
