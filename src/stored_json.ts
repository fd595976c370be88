/** JSON that ralph has stored itself. What it is read as later is not taken on trust. */
import type * as z from "zod";
import { type Hint, RalphError } from "./error.ts";
import { plain } from "./terminal/plain.ts";

/**
 * The value of a stored text. `what` names it and its place, to complete `cannot read …`. Throws
 * `RalphError` (`state`) for text that is cut off or of another shape.
 */
export function parseStored<T>(
  text: string,
  { schema, what, hints = [] }: {
    schema: z.ZodType<T>;
    what: string;
    hints?: readonly Hint[];
  },
): T {
  const damaged = (why: string, cause: unknown) =>
    new RalphError("state", `cannot read ${what}: ${plain(why, 200)}`, hints, { cause });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw damaged(`it is cut off or malformed (${why})`, error);
  }
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const [{ path, message }] = checked.error.issues;
  const where = path.length === 0 ? "its value" : `\`${path.join(".")}\``;
  throw damaged(`${where} is not what ralph stores there (${message})`, checked.error);
}
