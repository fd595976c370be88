/**
 * Text without its layout: what is left is what a formatter of markdown leaves as it is. Two texts
 * with the same words say the same.
 */

import { withoutStateAfter } from "../../task/story_state.ts";

/** Characters that stand without spaces between them: a line may break between any two. */
const WORDS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}、。，！？]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}、。，！？]+/gu;
/** A code span: as many backticks at both ends (CommonMark, 6.1). */
const CODE_SPAN = /(?<![`\\])(`+)(?!`)[^]*?(?<!`)\1(?!`)/;
/** In UTF-16 units: in a longer line no code is looked for, which takes quadratic time. */
const LINE_MAX = 20_000;
const ESCAPE = /\\([!-/:-@[-`{-~])/g;
/** `*` and `_` inside of a word are part of it. */
const EMPHASIS = /(?<![\p{L}\p{N}*_])[*_]+|(?<![*_])[*_]+(?![*_\p{L}\p{N}])/gu;
/** Bullets, numbers and quote marks, one after the other. */
const LINE_START = /^[ \t]*(?:(?:>|(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$))[ \t]*)+/;
/** The line between a table's head and its rows. */
const TABLE_RULE = /^[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?)?[ \t]*$/;
/** Between paragraphs, or below the text of a heading. */
const RULE = /^[ \t]*(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|=+[ \t]*)$/;
const FENCE = /^[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(?:`{3,}|~{3,})[ \t]*/;
/** What says that something is done, in a heading: marks, or a word set off from the rest. */
const DONE =
  /\[[ xX]\]|[✅☑✓✔🎉🟢🏁]\ufe0f?|:(?:white_check_mark|heavy_check_mark|ballot_box_with_check):|~~|(?:[-–—:|]|\(|\[)\s*(?:done|completed?|finished|implemented|pass(?:es|ed)?)\s*[)\]]*\s*$/giu;

/** Whether a line says nothing by itself: it is blank, a rule, or part of a table's frame. */
function isFrame(line: string): boolean {
  return line.trim() === "" || RULE.test(line) || TABLE_RULE.test(line);
}

/** The words of one line of prose, without markdown's marks. */
export function wordsOf(line: string): readonly string[] {
  if (isFrame(line)) return [];
  return prose(line.replace(LINE_START, "")).match(WORDS) ?? [];
}

/**
 * A block of code, character by character, so that it does not matter where a line ends: formatters
 * set spaces, quotes and semicolons anew.
 */
export function codeWords(lines: readonly string[]): readonly string[] {
  const text = lines.map((line) => line.replace(FENCE, "")).join("\n");
  const bare = text.replaceAll(/\s+/g, "").replaceAll("'", '"')
    .replaceAll(/;|,(?=[}\])])/g, "");
  return Array.from(bare, (char) => `\`${char}`);
}

/** The words of a heading, without what says that it is done. */
export function headingWords(text: string): readonly string[] {
  const title = withoutStateAfter(text.replace(/[ \t]#+[ \t]*$/, ""));
  return wordsOf(prose(title).replaceAll(DONE, " "));
}

function prose(text: string): string {
  let rest = text.replace(/\\$/, "");
  let plain = "";
  if (rest.length > LINE_MAX) return withoutMarks(rest);
  for (let span = CODE_SPAN.exec(rest); span; span = CODE_SPAN.exec(rest)) {
    plain += withoutMarks(rest.slice(0, span.index)) + span[0].replaceAll("`", "");
    rest = rest.slice(span.index + span[0].length);
  }
  return plain + withoutMarks(rest);
}

function withoutMarks(text: string): string {
  return text.replaceAll(ESCAPE, "$1").replaceAll(EMPHASIS, "").replaceAll("|", " ").replaceAll(
    "`",
    "",
  );
}
