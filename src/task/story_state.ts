/** What says whether a story is done: boxes, its heading, a line or a field with its status. */
import { lineFields } from "./line_fields.ts";

/** One thing that says so. A story is done when all of its signs say it. */
export interface Sign {
  /** Such as `its boxes`. */
  what: string;
  done: boolean;
}

/** Where a sign stands in the file: the bytes from `start` to before `end`. */
export interface MarkedSign extends Sign {
  start: number;
  end: number;
}

const CHECK_BYTES = "\\xe2(?:\\x9c[\\x85\\x94\\x93]|\\x98\\x91)(?:\\xef\\xb8\\x8f)?";
const DONE =
  "done|completed?|pass(?:ed|es|ing)?|finished|closed|implemented|shipped|resolved|merged|" +
  "fixed|verified|validated|deployed|released|delivered|landed|" +
  "completad[oa]|hech[oa]|terminad[oa]|finalizad[oa]|conclu(?:\\xc3\\xad|[\\xedi])d[oa]|feit[oa]|completat[oa]|" +
  "fatt[oa]|termin(?:\\xc3\\xa9|\\xe9)e?|erledigt|fertig|abgeschlossen";
/** Those that a heading has beside its title, in which the others are often what it is about. */
const DONE_BESIDE = "done|completed?|finished|implemented|shipped";
const OPEN =
  "to[ _-]?do|open|pending|not[ _-](?:yet )?(?:started|done|complete|completed|implemented|begun)|" +
  "in[ _-]?progress|in[ _-]review|wip|started|doing|planned|backlog|new|active|incomplete|partial(?:ly)?|" +
  "failed|failing|unstarted|needs[ _-]work|ready|queued|draft|" +
  "pendiente|en progreso|por hacer|pendente|em andamento|offen|in arbeit|en cours|da fare";
/** ✅ ☑ ✔ ✓, each with or without the selector of its form, as they are and as bytes. */
const CHECKED = "[\\u2705\\u2611\\u2714\\u2713]\\ufe0f?|" + CHECK_BYTES;
/** A dash, 🎉 and 🚀, as they are and as bytes: behind the word they change nothing. */
const BEHIND = "[\\u2013\\u2014]|\\xe2\\x80[\\x93\\x94]|\\ud83c\\udf89|\\ud83d\\ude80|" +
  "\\xf0\\x9f(?:\\x8e\\x89|\\x9a\\x80)";
/** When and by what it was done, which leaves it done. */
const CIRCUMSTANCE =
  "(?:\\d|#|v\\d|PR\\b|commit\\b|see\\b|on\\b|at\\b|in\\b|by\\b|since\\b|passes: true|(?:verified|" +
  "tested|reviewed|merged|shipped)\\b)";
/**
 * What is more than the word, such as `Done, except the form`, says nothing that can be relied on, and
 * what stands before it may turn it round: `0% complete`, `❌ Done`, `~~Done~~`.
 */
const DONE_STATUS = new RegExp(
  `^(?:[\\s*_\`"'[(]|${CHECKED}|100 ?%)*(${DONE})(?:[\\s*_\`"'\\]).!:;,-]|${CHECKED}|${BEHIND}|100 ?%)*` +
    `(?:\\(?${CIRCUMSTANCE}[^/|?]*)?$`,
  "i",
);
/** In the same words as what was done. */
const DOUBT =
  /\b(?:not|but|except|partial\w*|missing|without|to-?do|pending|half|almost|nearly|failing|broken|false)\b/i;
const OPEN_STATUS = new RegExp(`^[^A-Za-z]*(${OPEN})(?![A-Za-z])[^/|]*$`, "i");
const ONLY_CHECK = new RegExp(`^(${CHECKED})$`);
/** The last two are 状态 and статус, as bytes. In a list it is bold: a plain item speaks of a status as the story's subject. */
const STATUS_LINE =
  /^([ \t]*(?:[-*+][ \t]+(?=[*_]))?[*_]{0,3}(?:(?:story|task|current|implementation)[ \t]+)?(?:(status|estado|statut|stato|state|\xe7\x8a\xb6\xe6\x80\x81|(?:\xd0\xa1|\xd1\x81)\xd1\x82\xd0\xb0\xd1\x82\xd1\x83\xd1\x81)|passe[sd]|passing|verified|done|completed?|implemented)[*_]{0,3}[ \t]*:[ \t]*[*_]{0,3}[ \t]*)(.*)$/i;
/** `**Done:** when all tests pass` is a sentence. */
const FLAG_MAX = 30;
/** What a line such as `**Passes:** true` says. */
const FLAG = /^(?:(true|yes)|(false|no))(?![A-Za-z])[^A-Za-z]*$/i;
/** Before the id, or at the end. */
const HEADING_BOX = /^[^A-Za-z0-9[]*(?:\d{1,4}[.)][ \t]+)?\[([ xX]?)\]/;
const HEADING_BOX_AFTER = /\[([ xX])\](?=[ \t#*_]*$)/;
/** What a status that is a box says. */
const STATUS_BOX = /^\[([ xX]?)\]/;
const CHECK_BEFORE = new RegExp(`^[ \\t*_~]*(${CHECK_BYTES}[ \\t]*)`);
/** When it was done, as a heading says it. */
const WHEN = String
  .raw`(?:[ \t]*[:,]?[ \t]*(?:\([^()]*\)|(?:on |in )?(?:v?\d|#\d|PR\b|commit\b)[^()[\]]*))?`;
const CHECK_MAYBE = `(?:(?:${CHECKED})[ \\t]*)?`;
const DASH = "[-|\\u2013\\u2014]|\\xe2\\x80[\\x93\\x94]";
const HEADING_END = `(?:[ \\t]*(?:${CHECKED}|!))*[ \\t#*_]*$`;
/** At the end of a heading: ✅, ✅ DONE, (done), [COMPLETE], (completed 2026-01-02). */
const STATE_AFTER: readonly RegExp[] = [
  `${CHECK_MAYBE}[([][ \\t]*${CHECK_MAYBE}(?:${DONE_BESIDE})[ \\t]*${CHECK_MAYBE}${WHEN}[)\\]]`,
  `[([](?:${CHECKED})[)\\]]`,
  `(?:${CHECKED})[ \\t]*(?:${DASH}|:)?[ \\t]*[*_([]{0,3}(?:${DONE})[*_)\\]]{0,3}${WHEN}`,
  `(?:${CHECKED})(?:[ \\t]*\\(?\\d{4}-\\d\\d-\\d\\d\\)?)?`,
].map((form) => new RegExp(`(?:[ \\t]{1,9}(?:${DASH}))?[ \\t]{0,9}(?:${form})${HEADING_END}`, "i"));
/** `— DONE`, where a title is before it. */
const DASH_DONE = new RegExp(
  `[ \\t]{1,9}${CHECK_MAYBE}(?:${DASH})[ \\t]+${CHECK_MAYBE}[*_]{0,3}(?:${DONE_BESIDE})[*_]{0,3}${WHEN}${HEADING_END}`,
  "i",
);
const BEFORE_ID = /^(?:\[[ xX]?\]|\d{1,4}[.)][ \t]|[^A-Za-z0-9])*/;
const hasTitle = (text: string) => /^\S+[ \t]+\S/.test(text.replace(BEFORE_ID, ""));
/** The patterns look at the end of a heading. In UTF-16 units. */
const END_MAX = 200;
/** `✅ (done) — DONE`; more than anybody writes. */
const STATES_MAX = 50;
/** What may say so, and is not read. */
const MAY_BE_DONE = new RegExp(
  [
    `[0-9][A-Za-z]?[ \\t]*(?:${CHECKED})`,
    `[([{][^A-Za-z0-9]{0,9}(?:status:?[ \\t]*)?(?:100 ?%[ \\t]*)?(?:${DONE})\\b[^([{]{0,60}$`,
    `(?:[ \\t](?:${DASH})|[,;])[ \\t]+(?:${DONE})[^A-Za-z]{0,20}$`,
    `<!--[^>]{0,20}\\b(?:${DONE})\\b[^>]{0,60}-->`,
    "\\b100 ?%[^A-Za-z0-9]{0,9}$|:[ \\t]*\\[[xX]\\][ \\t]",
    ":(?:white_check_mark|heavy_check_mark|ballot_box_with_check):",
    "(?:\\ud83c\\udf89|\\ud83d\\udfe2|\\ud83c\\udfc1)[^A-Za-z0-9]{0,9}$",
  ].join("|"),
  "i",
);
const IN_CAPITALS =
  /\b(?:DONE|COMPLETED?|FINISHED|IMPLEMENTED|FIXED|VERIFIED|PASSED|SHIPPED)[^A-Za-z0-9]{0,9}$/;
const MAY_BE_OPEN =
  /[([][^A-Za-z0-9]{0,9}(?:wip|to[ -]?do|in[ -]progress|not[ -](?:done|started)|pending|incomplete|partial\w*)\b[^([]{0,60}$/i;

/** What the signs say together; `disagree` in words where they say different things. */
export function stateOf(signs: readonly Sign[]): { passes: boolean; disagree?: string } {
  const done = signs.filter((sign) => sign.done);
  const open = signs.filter((sign) => !sign.done);
  if (open.length === 0 || done.length === 0) return { passes: done.length > 0 };
  const names = (some: readonly Sign[]) => some.map(({ what }) => what).join(" and ");
  return { passes: false, disagree: `done by ${names(done)}, open by ${names(open)}` };
}

/** What a status says; undefined where that is not known. `word` is what says it. */
export function readStatus(
  text: string,
): { done: boolean; word: string; start: number } | undefined {
  const box = STATUS_BOX.exec(text);
  if (box) return { done: /x/i.test(box[1]), word: box[0], start: 0 };
  const done = DOUBT.test(text) ? null : DONE_STATUS.exec(text) ?? ONLY_CHECK.exec(text);
  const found = done ?? OPEN_STATUS.exec(text);
  if (!found) return undefined;
  return { done: done !== null, word: found[1], start: found[0].indexOf(found[1]) };
}

/** A field that says how far the story is, and where its value stands. */
export interface StatusField {
  value: string;
  valueStart: number;
  valueEnd: number;
  /** It is not understood, and seems to speak of the story's state. */
  isTold?: boolean;
  /** Where it is understood: what says so, and what it is to be for the other. */
  sign?: MarkedSign & { words: { done: string; open: string } };
}

/** Those of a line such as `**Status:** Done` or `**Priority:** 1 | **Passes:** true`. */
export function statusesOf(view: string): readonly StatusField[] {
  return lineFields(view).flatMap((field) => {
    const [, label, name, rest] = STATUS_LINE.exec(field.view) ?? [];
    if (label === undefined) return [];
    const value = rest.replace(/[ \t*_]+$/, "");
    const valueStart = field.start + label.length;
    const valueEnd = field.start + field.view.length;
    const status = name ? readStatus(value) : readFlag(value);
    if (!status) {
      const isTold = value !== "" && !/^state$/i.test(name ?? "") &&
        (name !== undefined || value.length <= FLAG_MAX);
      return [{ value, valueStart, valueEnd, ...isTold && { isTold } }];
    }
    const words = wordsLike(status.word);
    // what stands beside a word for what is open may turn one for what is done round
    const isWhole = !status.done && words.done === "Done";
    const start = valueStart + (isWhole ? 0 : status.start);
    const end = isWhole ? valueStart + value.length : start + status.word.length;
    const sign = { what: "its status", done: status.done, start, end, words };
    return [{ value, valueStart, valueEnd, sign }];
  });
}

function readFlag(value: string): ReturnType<typeof readStatus> {
  const [, yes, no] = FLAG.exec(value) ?? [];
  const word = yes ?? no;
  if (word !== undefined) return { done: yes !== undefined, word, start: 0 };
  return STATUS_BOX.test(value) || ONLY_CHECK.test(value) ? readStatus(value) : undefined;
}

/** What a status in this form is called when it is done, and when it is not. */
function wordsLike(word: string): { done: string; open: string } {
  if (word.startsWith("[")) return { done: "[x]", open: "[ ]" };
  if (/^(?:true|false)$/i.test(word)) return { done: "true", open: "false" };
  if (/^(?:yes|no)$/i.test(word)) return { done: "yes", open: "no" };
  return { done: "Done", open: "Open" };
}

/** The value of a line such as `**Status:** Cancelled`; undefined for another line. */
export function statusText(view: string): string | undefined {
  return statusesOf(view).at(0)?.value;
}

/** The box in a story's heading; `view` is what stands after its `#`s. */
export function headingBox(view: string): MarkedSign | undefined {
  const found = HEADING_BOX.exec(view) ?? HEADING_BOX_AFTER.exec(view);
  if (!found) return undefined;
  const end = found.index + found[0].length - 1;
  const start = end - found[1].length;
  return { what: "the box in its heading", done: /x/i.test(found[1]), start, end };
}

/** A ✅ at either end of a story's heading, or words such as `(done)`, with the space that sets them off. */
export function headingChecks(view: string): readonly MarkedSign[] {
  const before = CHECK_BEFORE.exec(view);
  const start = before?.[0].indexOf(before[1]) ?? 0;
  const after = stateAfter(view);
  const sign = { what: "the mark in its heading", done: true };
  return [
    ...before ? [{ ...sign, start, end: start + before[1].length }] : [],
    ...after && after.start >= (before?.[0].length ?? 0) ? [{ ...sign, ...after }] : [],
  ];
}

/** Where a heading says at its end that it is done, in bytes or text; what closes it is not part of that. */
function stateAfter(heading: string): { start: number; end: number } | undefined {
  let rest = heading;
  let end: number | undefined;
  for (let i = 0; i < STATES_MAX; i++) {
    const from = Math.max(0, rest.length - END_MAX);
    const text = rest.slice(from);
    const dash = DASH_DONE.exec(text);
    const isDash = dash !== null && hasTitle(rest.slice(0, from + dash.index));
    const found = [...STATE_AFTER.map((form) => form.exec(text)), isDash ? dash : null]
      .find((one) => one !== null && !DOUBT.test(one[0]));
    if (!found) break;
    end ??= from + found.index + found[0].replace(/[ \t#]+$/, "").length;
    rest = rest.slice(0, from + found.index);
  }
  return end === undefined ? undefined : { start: rest.length, end };
}

/** A heading without what says at its end that it is done. */
export function withoutStateAfter(heading: string): string {
  const found = stateAfter(heading);
  return found ? heading.slice(0, found.start) + heading.slice(found.end) : heading;
}

/** What at the end of a heading may say how far it is, and is not read. */
export function unreadState(heading: string): { text: string; done: boolean } | undefined {
  const text = heading.slice(-END_MAX);
  if (stateAfter(text)) return undefined;
  const open = MAY_BE_OPEN.exec(text)?.[0];
  const found = open ?? (MAY_BE_DONE.exec(text) ?? IN_CAPITALS.exec(text))?.[0];
  return found === undefined ? undefined : { text: found.trim(), done: open === undefined };
}
