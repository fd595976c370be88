/** What says whether a story is done: boxes, its heading, a line or a field with its status. */

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
  "done|completed?|passed|passes|passing|finished|closed|implemented|shipped|resolved|merged";
const OPEN =
  "to[ _-]?do|open|pending|not[ _-](?:yet )?(?:started|done|complete|completed|implemented|begun)|" +
  "in[ _-]?progress|in[ _-]review|wip|started|doing|planned|backlog|new|active|incomplete|partial(?:ly)?|" +
  "failed|failing|unstarted|needs[ _-]work";
/** ✅ ☑ ✔ ✓, each with or without the selector of its form, as they are and as bytes. */
const CHECKED = "[\\u2705\\u2611\\u2714\\u2713]\\ufe0f?|" + CHECK_BYTES;
/** A dash, 🎉 and 🚀, as they are and as bytes: behind the word they change nothing. */
const BEHIND = "[\\u2013\\u2014]|\\xe2\\x80[\\x93\\x94]|\\ud83c\\udf89|\\ud83d\\ude80|" +
  "\\xf0\\x9f(?:\\x8e\\x89|\\x9a\\x80)";
/** When and by what it was done, which leaves it done. */
const CIRCUMSTANCE =
  "(?:\\d|#|v\\d|PR\\b|commit\\b|see\\b|on\\b|at\\b|in\\b|by\\b|since\\b|(?:verified|" +
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
  /\b(?:not|but|except|partial\w*|missing|without|to-?do|pending|half|almost|nearly|failing|broken)\b/i;
const OPEN_STATUS = new RegExp(`^[^A-Za-z]*(${OPEN})(?![A-Za-z])[^/|]*$`, "i");
const ONLY_CHECK = new RegExp(`^(${CHECK_BYTES})$`);
/** In a list it is bold: a plain item speaks of a status as the story's subject. */
const STATUS_LINE =
  /^([ \t]*(?:[-*+][ \t]+(?=[*_]))?[*_]{0,3}status[*_]{0,3}[ \t]*:[ \t]*[*_]{0,3}[ \t]*)(.*)$/i;
/** Before the id, or at the end. */
const HEADING_BOX = /^[^A-Za-z0-9[]*(?:\d{1,4}[.)][ \t]+)?\[([ xX]?)\]/;
const HEADING_BOX_AFTER = /\[([ xX])\](?=[ \t#*_]*$)/;
/** What a status that is a box says. */
const STATUS_BOX = /^\[([ xX]?)\]/;
const CHECK_BEFORE = new RegExp(`^[ \\t*_~]*(${CHECK_BYTES}[ \\t]*)`);
const CHECK_AFTER = new RegExp(`([ \\t]*${CHECK_BYTES})[ \\t#*_]*$`);

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

/** A line such as `**Status:** Done`: where its word stands in `view`. */
export function statusOfLine(view: string): MarkedSign & { valueStart: number } | undefined {
  const [, label, rest] = STATUS_LINE.exec(view) ?? [];
  if (label === undefined) return undefined;
  const value = rest.replace(/[ \t*_]+$/, "");
  const status = readStatus(value);
  if (!status) return undefined;
  const start = label.length + status.start;
  return {
    what: "its status",
    done: status.done,
    start,
    end: start + status.word.length,
    valueStart: label.length,
  };
}

/** The value of a line such as `**Status:** Cancelled`; undefined for another line. */
export function statusText(view: string): string | undefined {
  return STATUS_LINE.exec(view)?.[2];
}

/** The box in a story's heading; `view` is what stands after its `#`s. */
export function headingBox(view: string): MarkedSign | undefined {
  const found = HEADING_BOX.exec(view) ?? HEADING_BOX_AFTER.exec(view);
  if (!found) return undefined;
  const end = found.index + found[0].length - 1;
  const start = end - found[1].length;
  return { what: "the box in its heading", done: /x/i.test(found[1]), start, end };
}

/** A ✅ at either end of a story's heading, with the space that sets it off. */
export function headingCheck(view: string): MarkedSign | undefined {
  const before = CHECK_BEFORE.exec(view);
  const found = before ?? CHECK_AFTER.exec(view);
  if (!found) return undefined;
  const start = found.index + found[0].indexOf(found[1]);
  return { what: "the mark in its heading", done: true, start, end: start + found[1].length };
}
