/** What a reviewer answers, as it is read. Pure. */
import * as z from "zod";
import { plain } from "../../terminal/plain.ts";

const place = { file: z.string().min(1).max(1_000), line: z.int().min(1) };
const words = z.string().trim().min(1);

const answerSchema = z.object({
  stories: z.array(z.object({
    id: z.string(),
    criteria: z.array(z.object({
      criterion: z.int().min(1),
      met: z.boolean(),
      why: words,
      evidence: z.array(z.object(place)).max(50).default([]),
    })).max(500),
    problems: z.array(z.object({ kind: words, what: words, ...place })).max(100).default([]),
  })).min(1).max(500),
});

export type Answer = z.infer<typeof answerSchema>;

/** The answer in a reviewer's last text, or why it cannot be used, in words. */
export function readAnswer(text: string): { answer: Answer } | { fault: string } {
  const json = jsonIn(text);
  if (json === undefined) return { fault: "there is no block of JSON in it" };
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { fault: `its JSON cannot be read (${plain(why, 200)})` };
  }
  const read = answerSchema.safeParse(value);
  if (read.success) return { answer: read.data };
  const [issue] = read.error.issues;
  const at = issue.path.length > 0 ? `\`${plain(issue.path.join("."), 100)}\`: ` : "";
  return { fault: `its JSON has another form (${at}${plain(issue.message, 200)})` };
}

/** What a reviewer says beside its answer, where that can be read: it is told as it was read. */
export function besideAnswer(text: string): string {
  const found = "answer" in readAnswer(text) ? answerIn(text) : undefined;
  return found ? `${text.slice(0, found.start)}${text.slice(found.end)}`.trim() : text;
}

const jsonIn = (text: string): string | undefined => answerIn(text)?.json;

/** The last fenced block, or from the first brace to the last; `end`: behind it. */
function answerIn(text: string): { json: string; start: number; end: number } | undefined {
  const blocks = [...text.matchAll(/^```(?:json)?[ \t]*\n(.*?)\n[ \t]*```/gms)];
  const block = blocks.at(-1);
  if (block) return { json: block[1], start: block.index, end: block.index + block[0].length };
  const [start, last] = [text.indexOf("{"), text.lastIndexOf("}")];
  return start < 0 || last < start
    ? undefined
    : { json: text.slice(start, last + 1), start, end: last + 1 };
}
