import * as z from "zod";
import type { CleanStart } from "../../host/git/clean_checkout.ts";
import { parseStored } from "../../stored_json.ts";

const schema = z.object({
  ignored: z.array(z.tuple([z.string(), z.array(z.string()).nullable()])),
  setups: z.record(z.string(), z.record(z.string(), z.string())).optional(),
});

/** What a clean checkout is made with beside what is committed, as JSON text. */
export const serializeCleanStart = (start: CleanStart): string => JSON.stringify(start);

/** What `serializeCleanStart` made the text of. Throws `RalphError` (`state`) for any other text. */
export function parseCleanStart(text: string, what: string): CleanStart {
  return parseStored(text, { schema, what });
}
