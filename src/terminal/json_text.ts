import { UNSEEN } from "./plain.ts";

/**
 * The value as JSON that is safe on a terminal, too: what `JSON.stringify` leaves as it is of the
 * characters that a terminal acts on, or that hide and turn around text, is escaped.
 */
export function jsonText(value: unknown, indent?: number): string {
  // Of the line ends those of the layout are all that `JSON.stringify` leaves.
  return JSON.stringify(value, undefined, indent)
    .replaceAll(new RegExp(UNSEEN, "gu"), (found) => found === "\n" ? found : escaped(found));
}

function escaped(character: string): string {
  let text = "";
  for (let i = 0; i < character.length; i++) {
    text += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  }
  return text;
}
