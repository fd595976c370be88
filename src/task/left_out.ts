/** Stories that a person has taken out of the work, and how that is written. */
import { plain } from "../terminal/plain.ts";
import { remark } from "./remark.ts";

/** Not worked on, not needed for completion, and always told of. */
export interface LeftOut {
  id: string;
  /** In words. */
  why: string;
  /** Where it begins in the file, from 1. */
  line: number;
}

const WORDS =
  "cancell?ed|removed|deferred|dropped|obsolete|skipped|postponed|superseded|abandoned|" +
  "descoped|on hold|won'?t do|won'?t fix|wontfix|out of scope|not needed";
/** A story may be about these, too: a heading has them in brackets. */
const OF_ONE = `${WORDS}|rejected|archived|parked|skip|merged into`;
const PREPOSITIONS = "to|until|for|see|by|in|into|since|from|as|because|due|per|after|at|on|US";
/** `blocked` stands alone: what is blocked by another story waits for it. */
const STATUS = new RegExp(`^[^A-Za-z]*(?:(?:${OF_ONE})\\b|blocked[^A-Za-z]*$)`, "i");
/** In brackets or after a dash at the end, or in brackets at the beginning of the title. */
const AT_END = new RegExp(
  `(?:[(\\[](?:${OF_ONE})(?:(?:\\s*[:,;–—-]|\\s(?:${PREPOSITIONS})\\b)[^)\\]]*)?[)\\]]|` +
    `\\s[-–—]\\s*(?:${WORDS}))[^A-Za-z0-9]*$`,
  "i",
);
const AT_START = new RegExp(`^[^A-Za-z0-9]*(?:[(\\[](?:${WORDS})[)\\]]|(?:${WORDS}):\\s)`, "i");
const STRUCK = /^[^A-Za-z0-9]*(?:~~|<(?:del|s|strike)>)/i;
const OF_WHAT =
  "(?:user )?stories|items|work|scope|features?|phases?|releases?|versions?|iterations?|" +
  "ideas?|plans?|enhancements?|improvements?|considerations?|extensions?|possibilities";
const WHEN =
  "v?\\d|q\\d|phase|release|version|later|next|future|this|now|mvp|the (?:next|first|mvp)";
const SECTION = new RegExp(
  `^[^A-Za-z]*(?:(?:(?:${OF_WHAT}|explicitly|currently|now)\\s+)?(?:out of scope|not in scope)\\b.*|` +
    "non-?goals\\b.*|not in (?:this|the) (?:release|version|scope|phase|iteration|milestone)\\b.*|" +
    `(?:${WORDS})\\s+(?:to|until|from|for)\\s+(?:${WHEN}).*|` +
    `(?:future|later|parked|parking lot|icebox|won'?t have|${WORDS})(?:\\s+(?:${OF_WHAT}))?` +
    "[^A-Za-z]*(?:\\([^)]*\\)[^A-Za-z]*)?)$",
  "i",
);
/** The patterns look at one end of a heading. In UTF-16 units. */
const LOOKED_AT_MAX = 200;
/** Words are written with hyphens and underscores, and with the apostrophe of a typesetter, too (also as bytes). */
const inPlainWords = (text: string) =>
  text.replaceAll(/(?<=[A-Za-z])[_\u2010\u2011-](?=[A-Za-z])/g, " ").replaceAll(
    /\u2019|\xe2\x80\x99/g,
    "'",
  );
const beginning = (text: string) => inPlainWords(text.slice(0, LOOKED_AT_MAX));
const ending = (text: string) => inPlainWords(text.slice(-LOOKED_AT_MAX));

/** Whether this word for a story's state takes it out of the work. */
export const isStatusOfLeftOut = (status: string): boolean => STATUS.test(beginning(status));

/** Why a heading takes its story out, in words; `title` is what stands after the id. */
export function whyLeftOut(heading: string, title: string): string | undefined {
  if (STRUCK.test(heading) || STRUCK.test(title)) return "its heading is struck through";
  const word = (AT_END.exec(ending(title)) ?? AT_START.exec(beginning(title)))?.[0];
  return word === undefined ? undefined : `its heading says ${plain(word.trim(), 40)}`;
}

/** Whether the stories below this heading are left out. */
export const isSectionOfLeftOut = (heading: string): boolean =>
  heading.length <= LOOKED_AT_MAX && SECTION.test(beginning(heading)) || STRUCK.test(heading) ||
  AT_END.test(ending(heading));

const DONE_SECTION =
  /^[^A-Za-z]*(?:done|completed?|finished|shipped|implemented)(?:\s+(?:(?:user )?stories|tasks|features|items|work))?[^A-Za-z]*$/i;

/** Whether the stories below this heading are said to be done. */
export const isSectionOfDone = (heading: string): boolean =>
  heading.length <= LOOKED_AT_MAX && DONE_SECTION.test(heading);

/** One line for people; undefined when there is none. */
export const leftOutWords = (leftOut: readonly LeftOut[]): string | undefined =>
  remark("left out", leftOut.map(({ id, why }) => `${plain(id, 60)} (${why})`));
