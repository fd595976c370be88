/** The language of man pages, as far as ralph's own needs it: man(7). Values in, strings out. */

/** Text as it is to be shown, in one line of the source: nothing in it is a request or an escape. */
export function roffText(text: string): string {
  const escaped = text.replaceAll("\n", " ").replaceAll(
    /[\\\-'`^~"]|[^\x20-\x7e]/gu,
    (found) => NAMED[found] ?? `\\[u${hex(found)}]`,
  );
  return /^\./.test(escaped) ? `\\&${escaped}` : escaped;
}

/** As they are typed: a hyphen that can be copied, quotes that do not bend. */
const NAMED: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "-": "\\-",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
  '"': "\\(dq",
};

const hex = (character: string) =>
  (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");

export const section = (title: string): string => `.SH ${roffText(title)}`;
export const subsection = (title: string): string => `.SS ${roffText(title)}`;
export const paragraph = (text: string): readonly string[] => [".PP", roffText(text)];

/** A word in bold, and what it means. */
export function defined(term: string, meaning: string): readonly string[] {
  return [".TP", `\\fB${roffText(term)}\\fR`, roffText(meaning)];
}

/** Lines that stay as they are. */
export function asIs(text: string): readonly string[] {
  return [".nf", ...text.split("\n").map((line) => roffText(line) || "\\&"), ".fi"];
}
