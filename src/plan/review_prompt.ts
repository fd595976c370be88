/** What a model is asked about a PRD that is there: what the rules cannot see. */
import * as z from "zod";
import type { Checked, Finding } from "./check.ts";

const KINDS = ["uncheckable", "large", "dependency", "gate"] as const;
const FINDINGS_MAX = 50;

const answer = z.object({
  findings: z.array(z.object({
    story: z.string(),
    kind: z.enum(KINDS),
    text: z.string().trim().min(1).max(500),
  })).max(FINDINGS_MAX),
});

export function checkPrompt(
  stories: readonly Checked[],
  { gates, wrong }: { gates: readonly string[]; wrong?: readonly string[] },
): string {
  return [
    "Look at these user stories for the project in this folder, before an agent works on them, each by " +
    "itself and with a fresh context. You can read the project's files, and nothing else.",
    `\`\`\`json\n${JSON.stringify(stories, undefined, 2)}\n\`\`\``,
    gates.length === 0
      ? "No gate runs."
      : `These gates run for each:\n${gates.map((line) => `- ${line}`).join("\n")}`,
    `Find, with the project's files in mind:
- \`uncheckable\`: criteria that no command can check as they are written.
- \`large\`: stories that are too large for one sitting.
- \`dependency\`: stories that need another one first, and do not say so in \`dependsOn\`.
- \`gate\`: stories that could be claimed without being done, since no gate and no criterion would see it.
Name only what you can give a reason for; finding nothing is an answer.`,
    ...wrong === undefined
      ? []
      : [`Your last answer could not be used:\n${wrong.map((text) => `- ${text}`).join("\n")}`],
    "End with one block of JSON in this form, and nothing after it:\n\n```json\n" +
    '{ "findings": [{ "story": "US-001", "kind": "uncheckable", "text": "why, in one sentence" }] }\n```',
  ].join("\n\n") + "\n";
}

/** What it has found; a story that is not there is a fault. */
export function readFindings(
  value: unknown,
  stories: readonly Checked[],
): { draft: readonly Finding[] } | { faults: readonly string[] } {
  const read = answer.safeParse(value);
  if (!read.success) {
    return {
      faults: read.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`),
    };
  }
  const ids = new Set(stories.map(({ id }) => id));
  const lost = read.data.findings.filter(({ story }) => !ids.has(story));
  if (lost.length > 0) return { faults: lost.map(({ story }) => `there is no story ${story}`) };
  return { draft: read.data.findings };
}
