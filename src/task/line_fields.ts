/** Several fields in one line: `**Priority:** 1 | **Status:** Done`. */

const NAME = "[A-Za-z][A-Za-z -]{0,40}";
const STARS = String.raw`(?:\*\*|__)`;
const BOLD = `${STARS}${NAME}(?:[ \\t]*:${STARS}|${STARS}[ \\t]*:)`;
const LABELLED = new RegExp(`^[ \\t]*(?:[-*+][ \\t]+)?[*_]{0,3}${NAME}[*_]{0,3}[ \\t]*:`);
/** `|`, `·`, `•` and dashes, the last four as bytes. */
const BETWEEN = String.raw`(?:[|;,/-]|\xc2\xb7|\xe2\x80[\xa2\x93\x94])`;
const NEXT = new RegExp(
  `[ \\t]{0,20}(?:${BETWEEN}?[ \\t]{1,20}|<br ?/?>[ \\t]{0,20})(?=${BOLD})|` +
    `[ \\t]{0,20}[,;][ \\t]{1,20}(?=(?:[Ss]tatus|[Pp]riority|[Pp]asses|[Dd]epends on|[Dd]ependencies)[ \\t]*:)|` +
    `[ \\t]{1,20}(?:\\||\\xc2\\xb7|\\xe2\\x80\\xa2)[ \\t]{1,20}(?=[*_]{0,3}${NAME}[*_]{0,3}[ \\t]*:)`,
  "g",
);

/** A part of a line, from its byte `start`. */
interface LineField {
  start: number;
  view: string;
}

/** The fields of a line that begins with a label; else the whole line as one. */
export function lineFields(view: string): readonly LineField[] {
  if (!LABELLED.test(view)) return [{ start: 0, view }];
  const fields: LineField[] = [];
  let start = 0;
  for (const { index, 0: { length } } of view.matchAll(NEXT)) {
    // the mark of the list itself
    if (!LABELLED.test(view.slice(start, index))) continue;
    fields.push({ start, view: view.slice(start, index) });
    start = index + length;
  }
  return [...fields, { start, view: view.slice(start) }];
}
