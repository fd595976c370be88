/** A task's PRD: its stories, whether they pass, and which is next. */
import { plain } from "../terminal/plain.ts";
import { findCycle } from "./dependency_cycle.ts";
import { leftOutWords } from "./left_out.ts";
import type { Prd, PrdDocument, PrdReading, StateSpan, Story, StoryEntry } from "./prd_document.ts";
import { readJsonPrd } from "./prd_json.ts";
import { readMarkdownPrd } from "./prd_markdown.ts";
import { kindOf, rangesAmong } from "./dependencies.ts";
import { type Fault, prdError, refuse } from "./faults.ts";
import { openSource } from "./open_source.ts";
import { applyEdits, type Edit, type PrdFile, type Source } from "./source.ts";
import { plural } from "../terminal/plural.ts";

export type { Prd, PrdDocument, Story } from "./prd_document.ts";

/** Of what one story depends on. */
const LOST_SHOWN_MAX = 5;
/** Enough to see the cycle; it may be as long as the PRD. */
const CYCLE_SHOWN_MAX = 10;

/**
 * Reads a PRD: JSON when the file's name ends in `.json`, markdown else. Throws `RalphError`
 * (`usage`) naming file, line, column and reason, also for a PRD without stories, for ids that come
 * twice, and for `dependsOn` on a story that is missing or in a cycle.
 */
export function openPrd(file: PrdFile): PrdDocument {
  const source = openSource(file);
  const isJson = file.path.toLowerCase().endsWith(".json");
  const reading = isJson ? readJsonPrd(source) : readMarkdownPrd(source);
  const { faults, ...read } = reading;
  const wrong = [...faults, ...idFaults(read.entries)];
  if (read.entries.length === 0 && wrong.length === 0) {
    throw prdError(source, 0, `it has no story to work on: ${leftOutWords(read.leftOut)}`);
  }
  const { entries, missing } = withKnownDependencies(read);
  // what is not read is missing as well, and what is missing ends no cycle
  refuse(source, wrong.length > 0 ? wrong : missing);
  checkCycle(source, entries);
  return { ...read, entries, stories: entries.map(({ story }) => story), source };
}

/** What `openPrd` reads, where nothing is to be changed. Throws as it does. */
export function parsePrd(file: PrdFile): Prd {
  const { entries: _, source: __, ...prd } = openPrd(file);
  return prd;
}

/** Disagreements that are told one by one. */
const TOLD_MAX = 5;

/** What a person has to know of this PRD beside its stories, one line each. */
export function remarksOf({ leftOut, remarks, stories }: Prd): readonly string[] {
  const both = stories.filter(({ disagree }) => disagree !== undefined);
  const more = both.length - TOLD_MAX;
  return [
    leftOutWords(leftOut),
    ...both.slice(0, TOLD_MAX).map(({ id, disagree }) =>
      `${plain(id, 60)} counts as open: it is ${disagree}`
    ),
    more > 0
      ? `${plural(more, "more story")} ${more === 1 ? "counts" : "count"} as open for such reasons`
      : undefined,
    ...remarks,
  ].filter((line) => line !== undefined);
}

/**
 * The same bytes with `passes`, or all boxes, of these stories set by id, and nothing else changed.
 * Ids that are not there are left out.
 */
export function setPasses(
  { source, entries }: PrdDocument,
  passes: ReadonlyMap<string, boolean>,
): Uint8Array {
  const edits = entries.flatMap(({ story, passesEdits }) => {
    const wanted = passes.get(story.id);
    return wanted === undefined ? [] : passesEdits(wanted);
  });
  return applyEdits(source.bytes, edits);
}

/** The same bytes with a box in the heading of each story that has nothing else to mark. */
export function withBoxes({ source, entries }: PrdDocument): Uint8Array {
  return applyEdits(source.bytes, entries.flatMap(({ boxEdits = [] }) => boxEdits));
}

/** A story that is open, in the file that it is open in. */
export interface OpenStory {
  entry: StoryEntry;
  source: Source;
}

/** By id. */
export type OpenStories = ReadonlyMap<string, OpenStory>;

/** The stories of a PRD that are open, with what is needed to make them so again. */
export function openStories({ entries, source }: PrdDocument): OpenStories {
  return new Map(
    entries.filter(({ story }) => !story.passes).map((
      entry,
    ) => [entry.story.id, { entry, source }]),
  );
}

/**
 * The bytes of `now` with the state of these stories as it is in `before`, byte for byte where both have
 * it in the same form; what was not open then, or is not there, is set to not passing.
 */
export function restoreStates(
  now: PrdDocument,
  before: OpenStories,
  ids: readonly string[],
): Uint8Array {
  const wanted = new Set(ids);
  const edits = now.entries.filter(({ story }) => wanted.has(story.id)).flatMap((entry) => {
    const was = before.get(entry.story.id);
    const isSame = was && was.entry.story.title === entry.story.title;
    return isSame && stateEdits(entry, was.entry, was.source) || entry.passesEdits(false);
  });
  return applyEdits(now.source.bytes, edits);
}

/** Undefined where the two do not have their state in the same form. */
function stateEdits(
  now: StoryEntry,
  before: StoryEntry,
  { bytes }: Source,
): readonly Edit[] | undefined {
  const spans = new Map(numbered(before.state));
  const edits: Edit[] = [];
  for (const [name, { start, end, whole }] of numbered(now.state)) {
    const was = spans.get(name);
    spans.delete(name);
    if (was) edits.push({ start, end, text: bytes.subarray(was.start, was.end) });
    else if (whole) edits.push({ ...whole, text: "" });
    else return undefined;
  }
  return spans.size === 0 ? edits : undefined;
}

function numbered(spans: readonly StateSpan[]): readonly (readonly [string, StateSpan])[] {
  const counts = new Map<string, number>();
  return spans.map((span) => {
    const count = counts.get(span.name) ?? 0;
    counts.set(span.name, count + 1);
    return [`${span.name} ${count}`, span];
  });
}

/**
 * The story to work on next: of those that are open and whose `dependsOn` all pass the one with the
 * lowest priority, the first in the document of several. Undefined when none is open.
 */
export function nextStory(stories: readonly Story[]): Story | undefined {
  const passed = new Set(stories.filter((story) => story.passes).map(({ id }) => id));
  return stories
    .filter((story) => !story.passes && story.dependsOn.every((id) => passed.has(id)))
    .reduce<Story | undefined>(
      (best, story) => best && best.priority <= story.priority ? best : story,
      undefined,
    );
}

function idFaults(entries: readonly StoryEntry[]): readonly Fault[] {
  const lines = new Map<string, number>();
  return entries.flatMap(({ story: { id, line: own }, offset }) => {
    const line = lines.get(id);
    if (line === undefined) lines.set(id, own);
    if (line === undefined || id === "") return [];
    const reason = `the id \`${plain(id, 60)}\` is that of the story on line ${line} too`;
    return [{ offset, reason }];
  });
}

const isWord = (id: string) => /^[\w.-]+$/.test(id);

/**
 * What names no story orders nothing, and the agent is told of it; but an id as the PRD's stories have
 * them must be there.
 */
function withKnownDependencies(
  { entries, leftOut }: Pick<PrdReading, "entries" | "leftOut">,
): { entries: readonly StoryEntry[]; missing: readonly Fault[] } {
  const out = new Set(leftOut.map(({ id }) => id));
  const known = new Set(entries.map(({ story }) => story.id));
  const kinds = new Set(entries.map(({ story }) => kindOf(story.id)));
  const hasWords = entries.some(({ story: { id } }) => !/\d/.test(id));
  const ids = new Set([...known, ...out]);
  const idsOf = rangesAmong(ids);
  const missing: Fault[] = [];
  const read = entries.map((entry) => {
    const { offset, hasOnlyIds } = entry;
    const story = withRanges(entry.story, (name) => ids.has(name) ? undefined : idsOf(name));
    const isOfKind = (id: string) =>
      /\d/.test(id) ? kinds.has(kindOf(id)) : hasOnlyIds && hasWords && isWord(id);
    const unknown = story.dependsOn.filter((id) => !known.has(id) && !out.has(id));
    if (unknown.length === 0 && !story.dependsOn.some((id) => out.has(id))) {
      return { ...entry, story };
    }
    const lost = unknown.filter(isOfKind).map((id) => `\`${plain(id, 60)}\``);
    if (lost.length > 0) {
      const names = lost.slice(0, LOST_SHOWN_MAX).join(", ");
      const are = lost.length > 1 ? "are" : "is";
      const reason = `\`${plain(story.id, 60)}\` depends on ${names}, which ${are} not in the PRD`;
      missing.push({ offset, reason });
    }
    const dependsOn = story.dependsOn.filter((id) => known.has(id));
    const told = `Depends on: ${unknown.join(", ")}`;
    const isTold = unknown.length === 0 || story.notes.includes(unknown[0]);
    const notes = [story.notes, ...isTold ? [] : [told]];
    return { ...entry, story: { ...story, dependsOn, notes: notes.filter(Boolean).join("\n") } };
  });
  return { entries: read, missing };
}

/** With each range that it depends on as the ids of it, but its own. */
function withRanges(story: Story, idsOf: ReturnType<typeof rangesAmong>): Story {
  const dependsOn = story.dependsOn.flatMap((name) =>
    idsOf(name)?.filter((id) => id !== story.id) ?? [name]
  );
  return { ...story, dependsOn: [...new Set(dependsOn)] };
}

/** Every story can come up: what it depends on does not wait for it in turn. */
function checkCycle(source: Source, entries: readonly StoryEntry[]): void {
  const known = new Map(entries.map((entry) => [entry.story.id, entry]));
  const cycle = findCycle(new Map(entries.map(({ story }) => [story.id, story.dependsOn])));
  if (!cycle) return;
  const shown = cycle.slice(0, CYCLE_SHOWN_MAX).map((id) => `\`${plain(id, 60)}\``).join(" → ");
  const more = cycle.length > CYCLE_SHOWN_MAX ? " → …" : "";
  throw prdError(
    source,
    known.get(cycle[0])?.offset ?? 0,
    `stories wait for each other in a cycle: ${shown}${more}`,
  );
}
