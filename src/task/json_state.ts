/** What of a story in a `prd.json` says whether it is done, and how that is changed. */
import type { JsonMember, JsonObject } from "./json_scan.ts";
import type { StateSpan } from "./prd_document.ts";
import type { Edit, Source } from "./source.ts";
import { type MarkedSign, readStatus, type Sign, stateOf } from "./story_state.ts";

/** Kept by others' loops and by agents about a story's state: nothing that the agent needs to know. */
const BOOKKEEPING =
  /^(?:is|last)?(?:status|state|progress|completed|complete|done|finished|implemented|updated|modified|pass|passes|passed|passing|verified)(?:at|on|by|date|time)?$/i;
/** In lower case, without `is` before them. */
const FLAGS: readonly string[] = [
  ...["passes", "pass", "passed", "passing"],
  ...["completed", "complete", "done", "finished"],
];
/** Where nothing else says how far it is: on the way to that they are steps. */
const STEPS: readonly string[] = ["implemented", "verified", "checked"];
const WORDS: readonly string[] = ["status", "state"];
/** The names in use for what says how far a story is. */
const STATE_NAMES: readonly string[] = [...FLAGS, ...STEPS, ...WORDS];
/** Where nothing else says how far it is, they may. */
const DATES: readonly string[] = ["completedat", "completedon", "finishedat", "doneat", "passedat"];
const nameIn = (key: string) => key.replaceAll(/[_-]/g, "").toLowerCase().replace(/^is(?=.)/, "");
/** Whether a member says how far what it is in is. */
export const isStateName = (key: string): boolean => STATE_NAMES.includes(nameIn(key));

export const isBookkeeping = (name: string) => BOOKKEEPING.test(name.replaceAll(/[_-]/g, ""));

/** The words that a PRD uses for what is done and what is open. */
export interface StatusWords {
  done: string;
  open: string;
}

interface JsonState {
  signs: readonly (MarkedSign & { name: string })[];
  passes: boolean;
  disagree?: string;
  /** What an agent claims by: `passes` where it is there, else all of them. */
  claimed: boolean;
  /** A status in words of one's own, which says nothing here. */
  unknownStatus?: string;
}

/** The members that say whether it is done; of a name that comes twice the last one counts. */
export function jsonState(story: JsonObject): JsonState {
  const members = lastMembers(story);
  const said = [...members.values()].flatMap((member) => {
    const done = saysDone(member);
    const { key: name, value: { start, end } } = member;
    return done === undefined ? [] : [{ name, what: `\`${name}\``, done, start, end }];
  });
  const whole = said.filter(({ name }) => !STEPS.includes(nameIn(name)));
  const signs = whole.length > 0 ? whole : said;
  const passes = signs.find(({ name }) => name === "passes") ??
    signs.find(({ name }) => nameIn(name).startsWith("pass"));
  const state = stateOf(signs satisfies readonly Sign[]);
  const status = unknownIn([...members.values()], signs);
  return {
    signs,
    ...state,
    claimed: passes?.done ?? state.passes,
    ...status !== undefined && { unknownStatus: status },
  };
}

/** A status in words that are not known; where nothing says how far it is, a flag that is none, too. */
function unknownIn(members: readonly JsonMember[], signs: JsonState["signs"]): string | undefined {
  if (signs.some(({ name }) => isWord(name))) return undefined;
  const texts = members.flatMap(({ key, value }) =>
    (isStateName(key) || DATES.includes(nameIn(key))) && (isWord(key) || signs.length === 0) &&
      (value.type === "string" || value.type === "number")
      ? [`${value.value}`]
      : []
  );
  return texts.find((text) => text.trim() !== "");
}

function saysDone({ key, value }: JsonMember): boolean | undefined {
  if (!isStateName(key)) return undefined;
  if (!isWord(key)) return value.type === "boolean" ? value.value : undefined;
  return value.type === "string" ? readStatus(value.value)?.done : undefined;
}

const isWord = (key: string) => WORDS.includes(nameIn(key));

function lastMembers({ members }: JsonObject): ReadonlyMap<string, JsonMember> {
  return new Map(members.map((member) => [member.key, member]));
}

/** The words of these stories' status, or the usual ones. */
export function statusWords(stories: readonly JsonObject[]): StatusWords {
  const words = stories.flatMap((story) => {
    const members = lastMembers(story);
    const value = (members.get("status") ?? members.get("state"))?.value;
    return value?.type === "string" && /^[\w -]+$/.test(value.value) ? [value.value] : [];
  });
  const said = (done: boolean) => words.find((word) => readStatus(word)?.done === done);
  return { done: said(true) ?? "done", open: said(false) ?? "open" };
}

/** What has to be marked for the story to pass, as it is written; undefined for `passes` alone. */
export function jsonMarks(state: JsonState, words: StatusWords): readonly string[] | undefined {
  const names = state.signs.map(({ name }) => name);
  if (names.length === 0 || names.every((name) => name === "passes")) return undefined;
  return names.map((name) => `"${name}": ${isWord(name) ? `"${words.done}"` : "true"}`);
}

/** Sets what says otherwise; a story that says nothing gets a `passes`. */
export function jsonEdits(
  source: Source,
  story: JsonObject,
  { passes, words }: { passes: boolean; words: StatusWords },
): readonly Edit[] {
  const { signs } = jsonState(story);
  if (signs.length === 0) return passes ? [passesEdit(source, story, passes)] : [];
  return signs.filter(({ done }) => done !== passes).map(({ name, start, end }) => ({
    start,
    end,
    text: isWord(name) ? JSON.stringify(passes ? words.done : words.open) : `${passes}`,
  })).toSorted((a, b) => a.start - b.start);
}

/** Gives the story its `passes`; one that is new gets the layout of the members before it. */
function passesEdit({ view }: Source, story: JsonObject, passes: boolean): Edit {
  const { members } = story;
  const present = lastMembers(story).get("passes")?.value;
  if (present) return { start: present.start, end: present.end, text: `${passes}` };
  const last = members[members.length - 1];
  const gap = members.length > 1
    ? view.slice(members[members.length - 2].value.end, last.keyStart)
    : `,${view.slice(story.start + 1, last.keyStart)}`;
  const colon = view.slice(last.keyEnd, last.value.start);
  const { end } = last.value;
  return { start: end, end, text: `${gap}"passes"${colon}${passes}` };
}

/** All that moves with a story's state, and where it stands. */
export function jsonSpans({ members }: JsonObject): readonly StateSpan[] {
  return members.flatMap(({ key, value: { start, end } }, i) => {
    if (!isStateName(key) && !isBookkeeping(key)) return [];
    const before = members[i - 1];
    return [{ name: key, start, end, ...before && { whole: { start: before.value.end, end } } }];
  });
}
