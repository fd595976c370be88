/**
 * What an agent may change in a PRD: `passes`, ticks, `notes`, `completionNotes` and the layout. What
 * a person would call a change is undone.
 */
import { RalphError } from "../../error.ts";
import { PRD_BYTES_MAX } from "../../task/prd_file.ts";
import { openPrd, type Prd, type PrdDocument, setPasses } from "../../task/prd.ts";
import { openSource } from "../../task/open_source.ts";
import type { Source } from "../../task/source.ts";
import { plain } from "../../terminal/plain.ts";
import type { PrdParts, PrdReader } from "./prd_parts.ts";
import { jsonReader } from "./prd_parts_json.ts";
import { markdownReader } from "./prd_parts_markdown.ts";
import { wordsOf } from "./prd_words.ts";

interface GuardedPrd {
  /** What the file must hold now: other bytes than it holds when something has to be put back. */
  prd: PrdDocument;
  /** What was done that is not allowed, in clauses. Foreign text in them is plain and bounded. */
  violations: readonly string[];
  /** What has to go although it changes no meaning, in clauses; claims hold all the same. */
  additions: readonly string[];
  /** What the file holds now, where it is a PRD. */
  now?: PrdDocument;
}

/** In bytes, for one story: notes go into the prompt. */
const NOTES_MAX = 20_000;
const MOVED = "stories were moved to another place";
/** Items of a list that are named. */
const NAMED_MAX = 8;

/**
 * Judges what became of a PRD in an agent's turn. `good` is as it was before, `after` what the
 * file holds now: undefined when it is gone. What says the same in another layout stays as it is.
 * Once something was changed or added, it is the good one again, with `passes` as the agent set it
 * for each story that says the same as before: that is a claim, for others to judge. Notes may grow
 * to 20,000 bytes for each story and the file to 8 MiB, or stay as long as they were.
 */
export function guardPrd(good: PrdDocument, after: Uint8Array | undefined): GuardedPrd {
  const refused = (violation: string) => ({ prd: good, violations: [violation], additions: [] });
  const { path, bytes: before } = good.source;
  if (after === undefined) return refused("the PRD was deleted");
  if (after.length > Math.max(before.length, PRD_BYTES_MAX)) {
    return refused("the PRD grew to more than 8 MiB");
  }
  const now = attempt(() => openPrd({ path, bytes: after }));
  const source = attempt(() =>
    now instanceof RalphError ? openSource({ path, bytes: after }) : now.source
  );
  const copies = { good, now, source };
  const guarded = good.format === "json"
    ? judge(jsonReader, copies)
    : judge(markdownReader(good), copies);
  return now instanceof RalphError ? guarded : { ...guarded, now };
}

/** The good copy, and what the file holds now as far as it can be read. */
interface Copies {
  good: PrdDocument;
  now: PrdDocument | RalphError;
  source: Source | RalphError;
}

function judge<C>(reader: PrdReader<C>, { good, now, source }: Copies): GuardedPrd {
  const goodParts = withDistinctIds(reader.read(good.source));
  const parts = source instanceof RalphError
    ? source
    : attempt(() => withDistinctIds(reader.read(source)));
  if (parts instanceof RalphError) {
    const { message } = now instanceof RalphError ? now : parts;
    return { prd: good, violations: [message], additions: [] };
  }
  const isSame = goodParts.words !== undefined && goodParts.words === parts.words;
  const { violations, additions } = isSame
    ? { violations: [], additions: [] }
    : differences(reader, { good: goodParts, now: parts });
  if (now instanceof RalphError) {
    // a mark in a heading hides its story
    const isExplained = good.format === "markdown" && violations.length === 0 &&
      (isSame || additions.length > 0);
    if (!isExplained) violations.unshift(now.message);
  } else {
    if (!isSame) violations.unshift(...addedStories(good, now));
    const isPlaced = isSame || reader.compare(goodParts.placed, parts.placed).changed.length === 0;
    if (violations.length === 0 && !isPlaced) violations.push(MOVED);
    if (violations.length === 0 && additions.length === 0) violations.push(...takenOut(good, now));
    if (violations.length === 0 && additions.length === 0) {
      if (sameStories(good, now)) {
        const claims = claimsIn(reader, { good: goodParts, now: parts, isSame });
        return { prd: withWholeClaims(now, claims), violations, additions };
      }
      if (!isSame) violations.push("what the stories say was changed");
    }
  }
  if (violations.length === 0 && additions.length === 0) {
    additions.push("its layout was changed so that it reads otherwise");
  }
  const claims = claimsIn(reader, { good: goodParts, now: parts, isSame });
  const prd = claims.size === 0
    ? good
    : openPrd({ path: good.source.path, bytes: setPasses(good, claims) });
  return { prd, violations, additions };
}

/** The second story of an id gets another: it is found again, and no claim for it counts. */
function withDistinctIds<C>(prd: PrdParts<C>): PrdParts<C> {
  const counts = new Map<string, number>();
  const stories = prd.stories.map((story) => {
    const count = (counts.get(story.id) ?? 0) + 1;
    counts.set(story.id, count);
    return count === 1 ? story : { ...story, id: `${story.id} (${count})` };
  });
  return { ...prd, stories };
}

interface Compared<C> {
  good: PrdParts<C>;
  now: PrdParts<C>;
}

/** What is missing, another or new, in clauses. What is new as a whole story is not looked for. */
function differences<C>(
  reader: PrdReader<C>,
  { good, now }: Compared<C>,
): { violations: string[]; additions: string[] } {
  const violations: string[] = [];
  const additions: string[] = [];
  const after = new Map(now.stories.map((story) => [story.id, story]));
  const missing = good.stories.filter(({ id }) => !after.has(id));
  if (missing.length > 0) {
    violations.push(`stories were deleted or renamed: ${named(missing.map(({ id }) => id))}`);
  }
  const outside = reader.compare(good.outside, now.outside);
  if (outside.changed.length > 0) {
    violations.push(`what is outside of the stories was changed: ${named(outside.changed)}`);
  }
  if (outside.added.length > 0) {
    additions.push(`outside of the stories came ${named(outside.added)}`);
  }
  const changed: string[] = [];
  for (const story of good.stories) {
    const other = after.get(story.id);
    if (!other) continue;
    const difference = reader.compare(story.content, other.content);
    const id = named([story.id]);
    if (difference.changed.length > 0) {
      changed.push(`${id} was changed: ${named(difference.changed)}`);
    }
    if (difference.added.length > 0) additions.push(`${id} got ${named(difference.added)}`);
    const notesMax = Math.max(story.notesLength, NOTES_MAX);
    if (other.notesLength > notesMax) {
      changed.push(`the notes of ${id} grew to more than ${notesMax} bytes`);
    }
  }
  violations.push(...bounded(changed));
  return { violations, additions: bounded(additions) };
}

function bounded(clauses: readonly string[]): string[] {
  if (clauses.length <= NAMED_MAX) return [...clauses];
  return [
    ...clauses.slice(0, NAMED_MAX),
    `and ${clauses.length - NAMED_MAX} more like these`,
  ];
}

/** Each story's `passes` that is another now, where the story says the same as before. */
function claimsIn<C>(
  reader: PrdReader<C>,
  { good, now, isSame }: Compared<C> & { isSame: boolean },
): ReadonlyMap<string, boolean> {
  const before = new Map(good.stories.map((story) => [story.id, story]));
  const claims = new Map<string, boolean>();
  for (const { id, content, boxes, passes: whole, claimed } of now.stories) {
    const other = before.get(id);
    if (!other || whole === undefined) continue;
    const passes = whole || !other.passes && claimed && !other.claimed;
    if (passes === other.passes) continue;
    const saysTheSame = isSame
      ? boxes === other.boxes
      : reader.compare(other.content, content).changed.length === 0;
    if (saysTheSame) claims.set(id, passes);
  }
  return claims;
}

/** Where the agent has ticked the boxes alone, what else says how far a story is follows. */
function withWholeClaims(now: PrdDocument, claims: ReadonlyMap<string, boolean>): PrdDocument {
  const open = now.stories.filter(({ id, passes }) => !passes && claims.get(id));
  if (open.length === 0) return now;
  const bytes = setPasses(now, new Map(open.map(({ id }) => [id, true])));
  return openPrd({ path: now.source.path, bytes });
}

function addedStories(before: Prd, after: Prd): string[] {
  const known = new Set(before.stories.map(({ id }) => id));
  const added = after.stories.filter(({ id }) => !known.has(id)).map(({ id }) => id);
  return added.length === 0 ? [] : [`stories were added: ${named(added)}`];
}

/** Stories that would not have to be done any more. */
function takenOut(before: Prd, after: Prd): string[] {
  const known = new Set(before.stories.map(({ id }) => id));
  const ids = after.leftOut.filter(({ id }) => known.has(id)).map(({ id }) => id);
  return ids.length === 0 ? [] : [`stories were taken out of the work: ${named(ids)}`];
}

/**
 * Whether ralph reads the same of both, words that are the same taken for granted. In markdown a
 * label can give the lines below it another meaning without changing them.
 */
function sameStories(a: Prd, b: Prd): boolean {
  const text = ({ stories }: Prd) =>
    JSON.stringify(
      stories.map((
        {
          criteria,
          passes: _,
          notes: __,
          line: ___,
          marks: ____,
          disagree: _____,
          title,
          description,
          ...story
        },
      ) => ({
        ...story,
        title: bare(title),
        description: bare(description),
        criteria: criteria.map((criterion) => bare(criterion.text)),
      })),
    );
  return text(a) === text(b);
}

/** Letters and digits, without those that number a list. */
function bare(text: string): string {
  return text.split("\n").flatMap(wordsOf).join("").replaceAll(/[^\p{L}\p{N}]/gu, "");
}

function named(names: readonly string[]): string {
  const shown = names.slice(0, NAMED_MAX).map((name) => `\`${plain(name, 60)}\``).join(", ");
  return names.length > NAMED_MAX ? `${shown} and ${names.length - NAMED_MAX} more` : shown;
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
