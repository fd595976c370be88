import * as z from "zod";
import type { Ignored } from "../../host/git/clean_checkout.ts";
import { parseStored } from "../../stored_json.ts";

const ignoredSchema = z.array(z.tuple([z.string(), z.array(z.string()).nullable()]));

/** What git ignored when a session began, as JSON text. */
export const serializeIgnored = (ignored: Ignored): string => JSON.stringify(ignored);

/** What `serializeIgnored` made the text of. Throws `RalphError` (`state`) for any other text. */
export function parseIgnored(text: string, what: string): Ignored {
  return parseStored(text, { schema: ignoredSchema, what });
}
