/**
 * What an agent may change in a PRD: `passes`, ticks, `notes` and `completionNotes`. All else stays
 * as it was.
 */
import { RalphError } from "../error.ts";
import { parsePrd, type Prd } from "../task/prd.ts";
import { readJsonPrd } from "../task/prd_json.ts";
import { readMarkdownPrd } from "../task/prd_markdown.ts";
import { applyEdits, openSource, type PrdFile, type Source } from "../task/source.ts";
import { plain } from "../terminal/plain.ts";
import type { PrdParts, StoryParts } from "./prd_parts.ts";
import { jsonParts } from "./prd_parts_json.ts";
import { markdownParts, storyHeadings } from "./prd_parts_markdown.ts";

export interface GuardedPrd {
  /** What the file must hold now; `after` itself when nothing is wrong. */
  bytes: Uint8Array;
  /** What was done that is not allowed, in clauses. Foreign text in them is plain and bounded. */
  violations: readonly string[];
}

/** Far above any PRD, and small enough to be compared at once. */
export const PRD_BYTES_MAX = 8 * 1024 * 1024;
/** In bytes, for one story: notes go into the prompt. */
const NOTES_MAX = 20_000;
/** Items of a list that are named. */
const NAMED_MAX = 8;

/**
 * Judges what became of a PRD in an agent's turn. `before` is the last good copy, `after` what the
 * file holds now: undefined when it is gone. The same meaning in another layout is no change. Once
 * anything is not allowed, `bytes` is the good copy, with `passes` as the agent set it for each story
 * that is untouched otherwise: that is a claim, for others to judge. Notes may grow to 20,000
 * bytes for each story and the file to 8 MiB, or stay as long as they were.
 * Throws `RalphError` (`usage`) when `before` is not a PRD, and never for what `after` holds.
 */
export function guardPrd(
  { path, before, after }: { path: string; before: Uint8Array; after: Uint8Array | undefined },
): GuardedPrd {
  const goodPrd = parsePrd({ path, bytes: before });
  if (after === undefined) return { bytes: before, violations: ["the PRD was deleted"] };
  if (after.length > Math.max(before.length, PRD_BYTES_MAX)) {
    return { bytes: before, violations: ["the PRD grew to more than 8 MiB"] };
  }
  const goodSource = openSource({ path, bytes: before });
  const takeApart = partsReader(goodSource, goodPrd);
  const good = takeApart(goodSource);
  const prd = attempt(() => parsePrd({ path, bytes: after }));
  const parts = attempt(() => takeApart(openSource({ path, bytes: after })));

  const violations = prd instanceof RalphError ? [prd.message] : addedStories(goodPrd, prd);
  if (!(parts instanceof RalphError)) violations.push(...differences(good, parts));
  if (violations.length === 0 && !(prd instanceof RalphError || parts instanceof RalphError)) {
    if (good.layout !== parts.layout) violations.push("stories were moved to another place");
    else if (!sameStories(goodPrd, prd)) violations.push("what the stories say was changed");
  }
  if (violations.length === 0) return { bytes: after, violations };
  const claims = parts instanceof RalphError ? new Map() : claimsIn(good, parts);
  return { bytes: withPasses({ path, bytes: before }, claims), violations };
}

/**
 * The same bytes with `passes`, or the boxes, of these stories set, by id; ids that are not there are
 * left out. As `setPasses`, for many at once. Throws `RalphError` (`usage`) when it is not a PRD.
 */
export function withPasses(file: PrdFile, passes: ReadonlyMap<string, boolean>): Uint8Array {
  const source = openSource(file);
  const { entries } = isJson(file) ? readJsonPrd(source) : readMarkdownPrd(source);
  const edits = entries.flatMap(({ story, passesEdits }) => {
    const wanted = passes.get(story.id);
    return wanted === undefined ? [] : passesEdits(wanted);
  });
  return applyEdits(file.bytes, edits);
}

function partsReader(good: Source, prd: Prd): (source: Source) => PrdParts {
  if (isJson(good)) return (source) => withDistinctIds(jsonParts(source));
  const headings = storyHeadings(good, prd.stories);
  return (source) => withDistinctIds(markdownParts(source, headings));
}

/** The second story of an id gets another: it is found again, and no claim for it counts. */
function withDistinctIds(prd: PrdParts): PrdParts {
  const counts = new Map<string, number>();
  const stories = prd.stories.map((story) => {
    const count = (counts.get(story.id) ?? 0) + 1;
    counts.set(story.id, count);
    return count === 1 ? story : { ...story, id: `${story.id} (${count})` };
  });
  return { ...prd, stories };
}

/** What is missing or another now, in clauses. What is new as a whole story is not looked for. */
function differences(good: PrdParts, now: PrdParts): string[] {
  const found: string[] = [];
  const after = new Map(now.stories.map((story) => [story.id, story]));
  const missing = good.stories.filter(({ id }) => !after.has(id));
  if (missing.length > 0) {
    found.push(`stories were deleted or renamed: ${named(missing.map(({ id }) => id))}`);
  }
  const outside = differingParts(good, now);
  if (outside.length > 0) {
    found.push(`what is outside of the stories was changed: ${named(outside)}`);
  }
  const changed: string[] = [];
  for (const story of good.stories) {
    const other = after.get(story.id);
    if (!other) continue;
    const parts = differingParts(story, other);
    if (parts.length > 0) changed.push(`${named([story.id])} was changed: ${named(parts)}`);
    const notesMax = Math.max(story.notesLength, NOTES_MAX);
    if (other.notesLength > notesMax) {
      changed.push(`the notes of ${named([story.id])} grew to more than ${notesMax} bytes`);
    }
  }
  found.push(...changed.slice(0, NAMED_MAX));
  if (changed.length > NAMED_MAX) found.push(`and ${changed.length - NAMED_MAX} more like these`);
  return found;
}

/** Those of the parts that are not the same in both, by name. */
function differingParts(
  { parts: before }: Pick<StoryParts, "parts">,
  { parts: after }: Pick<StoryParts, "parts">,
): readonly string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name));
}

/** Each story's `passes` that is another now, where nothing else of the story is. */
function claimsIn(good: PrdParts, now: PrdParts): ReadonlyMap<string, boolean> {
  const before = new Map(good.stories.map((story) => [story.id, story]));
  const claims = new Map<string, boolean>();
  for (const { id, parts, passes } of now.stories) {
    const other = before.get(id);
    if (!other || passes === undefined || passes === other.passes) continue;
    if (differingParts(other, { parts }).length === 0) claims.set(id, passes);
  }
  return claims;
}

function addedStories(before: Prd, after: Prd): string[] {
  const known = new Set(before.stories.map(({ id }) => id));
  const added = after.stories.filter(({ id }) => !known.has(id)).map(({ id }) => id);
  return added.length === 0 ? [] : [`stories were added: ${named(added)}`];
}

/**
 * Whether ralph reads the same of both. In markdown a label can give the lines below it another
 * meaning without changing them.
 */
function sameStories(a: Prd, b: Prd): boolean {
  const text = ({ stories }: Prd) =>
    JSON.stringify(stories.map(({ criteria, passes: _, notes: __, line: ___, ...story }) => ({
      ...story,
      criteria: criteria.map((criterion) => criterion.text),
    })));
  return text(a) === text(b);
}

function named(names: readonly string[]): string {
  const shown = names.slice(0, NAMED_MAX).map((name) => `\`${plain(name, 60)}\``).join(", ");
  return names.length > NAMED_MAX ? `${shown} and ${names.length - NAMED_MAX} more` : shown;
}

function isJson({ path }: Pick<PrdFile, "path">): boolean {
  return path.toLowerCase().endsWith(".json");
}

/** The error in place of the throw. */
function attempt<T>(read: () => T): T | RalphError {
  try {
    return read();
  } catch (error) {
    if (error instanceof RalphError) return error;
    throw error;
  }
}
