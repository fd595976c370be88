import { UNSEEN } from "./plain.ts";

/**
 * The value as JSON that is safe on a terminal, too: what `JSON.stringify` leaves as it is of the
 * characters that a terminal acts on, or that hide and turn around text, is escaped.
 */
export function jsonText(value: unknown): string {
  return safe(JSON.stringify(value));
}

/** Counts up when a field changes its meaning or goes; fields are added without that. */
const SCHEMA = 1;

/**
 * What a command prints with `--json`: an object, or a list of them. Each says of which form it is,
 * money (`…Usd`) is rounded to a millionth of a dollar, and durations (`…Ms`) to milliseconds. The
 * forms are in tools/json_schemas.ts.
 */
export function commandJson(value: object | readonly object[], indent?: number): string {
  const versioned = (one: object) => ({ schema: SCHEMA, ...one });
  const whole = Array.isArray(value) ? value.map(versioned) : versioned(value);
  return safe(JSON.stringify(whole, rounded, indent));
}

/** A field as `--json` and hooks have it: money to a millionth of a dollar, durations in whole ms. */
export function rounded(name: string, value: unknown): unknown {
  if (typeof value !== "number") return value;
  if (name.endsWith("Usd")) return Math.round(value * 1e6) / 1e6;
  return name.endsWith("Ms") ? Math.round(value) : value;
}

function safe(json: string): string {
  // Of the line ends those of the layout are all that `JSON.stringify` leaves.
  return json.replaceAll(
    new RegExp(UNSEEN, "gu"),
    (found) => found === "\n" ? found : escaped(found),
  );
}

function escaped(character: string): string {
  let text = "";
  for (let i = 0; i < character.length; i++) {
    text += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  }
  return text;
}
