/** HTML that is made of a program's own words and of foreign text, which is escaped. Pure. */
import { plain } from "../terminal/plain.ts";

/** What `markup` has made. The class stays here, so that nobody can declare a text to be such. */
class Markup {
  constructor(readonly text: string) {}
}
export type Html = Markup;

type Part = Markup | string | number | null | undefined | readonly Part[];

/**
 * HTML with values in it: text is escaped, for content and for quoted attributes alike, lists are
 * joined, nothing stands for `null` and `undefined`. What is neither line end nor tab and not to be seen, or
 * turns around how its neighbours are shown, becomes a visible escape, as on a terminal. (Not called
 * `html`: that the formatter would lay out anew, and white space counts in there.)
 */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Markup(strings.map((text, i) => text + written(parts[i])).join(""));
}

function written(part: Part): string {
  if (part === null || part === undefined) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "string") return escaped(part);
  if (typeof part === "number") return String(part);
  return part.map(written).join("");
}

function escaped(text: string): string {
  const seen = /^[\n\t -~]*$/.test(text)
    ? text
    : text.split(/(\n|\t)/).map((piece, i) => i % 2 === 1 ? piece : plain(piece)).join("");
  return seen.replaceAll(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}
