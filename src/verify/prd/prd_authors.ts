/** Who changed a PRD during a turn, judged from when it was changed and when tools ran. Pure. */
import { RalphError } from "../../error.ts";
import { openPrd, type PrdDocument } from "../../task/prd.ts";
import { PRD_BYTES_MAX } from "../../task/prd_file.ts";
import { guardPrd } from "./prd_guard.ts";
import { takeStories } from "./take_stories.ts";

/** When a tool of the agent ran, in epoch milliseconds. */
export interface Interval {
  start: number;
  end: number;
}

/** What is known of the agent's tools in a turn. */
export interface AgentTools {
  /** When one ran that may have written to the PRD. */
  writing: readonly Interval[];
  /** Whether a text was in what the agent handed to any of them. */
  said: (text: string) => boolean;
}

/** The PRD's file as it was found at some time. */
export interface Sighting {
  bytes: Uint8Array;
  /** When it was changed, in epoch milliseconds, cut to whole seconds; undefined when not known. */
  ctimeMs: number | undefined;
}

/** An edit that a person made through ralph. */
export interface PersonsEdit {
  before: Uint8Array;
  /** As of a sighting, of the file that had `before`. */
  beforeCtimeMs?: number;
  after: Uint8Array;
  /** In epoch milliseconds. */
  at: number;
}

interface PersonsShare {
  /** The PRD as it would be, had the agent done nothing. */
  prd: PrdDocument;
  /** What a person wrote and the PRD could not take. */
  refused: readonly Uint8Array[];
  /** Whose the last change is. */
  last: "nobody" | "agent" | "person";
}

/** Tool calls are timed by the server, before and after they touch a file. */
const MARGIN_MS = 1_000;
/** `Deno.lstatSync` cuts ctime to whole seconds (2.7.11 and 2.9.6, measured). */
const CTIME_STEP_MS = 1_000;

/**
 * Puts what a person changed during a turn into the good copy. A change is a person's when it was
 * made more than a second outside of each call of a tool that may have made it. `sightings` are the
 * states in which the file was found before `now`, the oldest first. Throws `RalphError` (`usage`)
 * when a person left what is no PRD.
 */
export function personsShare(
  good: PrdDocument,
  { sightings, now, tools, edits = [] }: {
    sightings: readonly Sighting[];
    now: Sighting | undefined;
    tools: AgentTools | undefined;
    /** What a person changed through ralph, the oldest first: no time is asked there. */
    edits?: readonly PersonsEdit[];
  },
): PersonsShare {
  const refused: Uint8Array[] = [];
  let prd = good;
  let last: PersonsShare["last"] = "nobody";
  let before = good.source.bytes;
  const seen = now ? [...sightings, now] : sightings;
  for (const sighting of edits.reduce(withEdit, seen)) {
    const { bytes } = sighting;
    if (isSame(bytes, before)) continue;
    const isKnown = edits.some(({ after }) => isSame(after, bytes));
    const isPersons = isKnown || bytes.length <= PRD_BYTES_MAX && isOutside(sighting, tools);
    last = isPersons ? "person" : "agent";
    if (isPersons) {
      const merged = merge(prd, { before, bytes, isLast: sighting === now });
      if (merged) prd = merged;
      else refused.push(bytes);
    }
    before = bytes;
  }
  return { prd, refused, last };
}

/**
 * The states of the file with those of an edit in their place: the agent may have written again before
 * anybody looked, or just before.
 */
function withEdit(
  seen: readonly Sighting[],
  { before, beforeCtimeMs, after, at }: PersonsEdit,
): readonly Sighting[] {
  const same = seen.findIndex(({ bytes }) => isSame(bytes, after));
  const later = seen.findIndex(({ ctimeMs }) => ctimeMs === undefined || ctimeMs > at);
  const place = same >= 0 ? same : later >= 0 ? later : seen.length;
  const was = { bytes: before, ctimeMs: beforeCtimeMs };
  const made = same >= 0 ? [] : [{ bytes: after, ctimeMs: at }];
  return [...seen.slice(0, place), was, ...made, ...seen.slice(place)];
}

/**
 * Takes stories over that came while a tool ran, where no tool was handed both their id and title:
 * one more story makes nothing easier. Undefined when there are none.
 */
export function strangersStories(
  good: PrdDocument,
  now: PrdDocument,
  tools: AgentTools,
): { prd: PrdDocument; ids: readonly string[] } | undefined {
  const known = new Set(good.stories.map(({ id }) => id));
  const ids = now.stories
    .filter(({ id, title }) => !known.has(id) && !(tools.said(id) && tools.said(title)))
    .map(({ id }) => id);
  if (ids.length === 0) return undefined;
  const prd = attempt(() => takeStories(good, now, new Set(ids)));
  return prd && { prd, ids };
}

function isOutside({ ctimeMs }: Sighting, tools: AgentTools | undefined): boolean {
  if (ctimeMs === undefined || tools === undefined) return false;
  const earliest = ctimeMs - MARGIN_MS;
  const latest = ctimeMs + CTIME_STEP_MS + MARGIN_MS;
  return tools.writing.every(({ start, end }) => latest < start || end < earliest);
}

/**
 * What a person made of `before`, which may hold an agent's changes, put into `ours`: all of it when
 * the agent had changed no meaning by then, else story by story. Undefined when that cannot be.
 */
function merge(
  ours: PrdDocument,
  { before, bytes, isLast }: { before: Uint8Array; bytes: Uint8Array; isLast: boolean },
): PrdDocument | undefined {
  const { path } = ours.source;
  // an editor may have saved half of it, or a person may not be done yet
  const theirs = isLast ? openPrd({ path, bytes }) : attempt(() => openPrd({ path, bytes }));
  if (!theirs) return ours;
  if (isSame(before, ours.source.bytes) || guardPrd(ours, before).violations.length === 0) {
    return theirs;
  }
  // the person has put right what the agent did
  if (guardPrd(ours, bytes).violations.length === 0) return ours;
  const base = attempt(() => openPrd({ path, bytes: before }));
  if (!base || outsideOf(base) !== outsideOf(theirs)) return undefined;
  const [was, is] = [base, theirs].map(textsById);
  const touched = [...new Set([...was.keys(), ...is.keys()])]
    .filter((id) => was.get(id) !== is.get(id));
  // in a story that both changed nobody can tell whose words are whose
  const own = textsById(ours);
  if (touched.some((id) => was.has(id) && own.has(id) && was.get(id) !== own.get(id))) {
    return undefined;
  }
  return attempt(() => takeStories(ours, theirs, new Set(touched)));
}

export function textsById({ source: { view }, entries }: PrdDocument): ReadonlyMap<string, string> {
  return new Map(
    entries.map(({ story, offset, end }) => [story.id, view.slice(offset, end).trim()]),
  );
}

/** What stands outside of the stories, without what separates them. */
export function outsideOf({ source: { view }, entries }: PrdDocument): string {
  const starts = [0, ...entries.map(({ end }) => end)];
  const ends = [...entries.map(({ offset }) => offset), view.length];
  return starts.map((start, i) => view.slice(start, ends[i])).join("").replaceAll(/[\s,]/g, "");
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Undefined in place of what is wrong with a PRD. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RalphError) return undefined;
    throw error;
  }
}
