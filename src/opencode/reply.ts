/** What all replies have in common, of whatever generation the server is. */
import { z } from "zod";

/** What a reply must look like to be read as `T`. */
export type Reply<T> = z.ZodType<T>;

/** Where a reply departs from what is needed, in the schema's words: none of the reply's own. */
export function explain(error: unknown): string {
  const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
  if (issue === undefined) return "it cannot be decoded";
  const at = issue.path.filter((key) => typeof key === "number" || /^\w{1,30}$/.test(String(key)));
  return `${issue.message} at \`${at.join(".") || "its top"}\``;
}

const failure = z.object({
  data: z.object({ message: z.string().optional().catch(undefined) }).optional().catch(undefined),
  error: z.array(z.object({ message: z.string() })).optional().catch(undefined),
  message: z.string().optional().catch(undefined),
  name: z.string().optional().catch(undefined),
  _tag: z.string().optional().catch(undefined),
});

/**
 * The server's own words in the JSON of a failure, raw. Shapes seen: `{data: {message}}` and
 * `{error: [{message}]}` in all versions, `{message}`, `{name}` and `{_tag}` in 1.18.
 */
export function failureMessage(json: unknown): string | undefined {
  const { data: raw } = failure.safeParse(json);
  return raw && (raw.data?.message ?? raw.error?.[0]?.message ?? raw.message ?? raw.name ??
    raw._tag);
}
