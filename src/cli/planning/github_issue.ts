/** An issue of GitHub, as `gh`, which has the person's login, prints it. */
import * as z from "zod";
import type { Clock } from "../../clock.ts";
import { RalphError } from "../../error.ts";
import { ask } from "../../host/process/ask.ts";
import { plain } from "../../terminal/plain.ts";

/** It asks a server on the Internet. */
const GH_MS = 30_000;

const issue = z.object({ title: z.string(), body: z.string() });

/** Title and text of an issue of the repository here. Throws `RalphError` (`failed`) where `gh` has none. */
export async function issueText(number: number, { clock }: { clock: Clock }): Promise<string> {
  const command = ["gh", "issue", "view", String(number), "--json", "title,body"];
  const answer = await ask(command, { clock, timeoutMs: GH_MS });
  const failed = (why: string, hint: { text: string; command?: string }) =>
    new RalphError("failed", `cannot read issue ${number} of GitHub: ${why}`, [hint]);
  if (answer.kind === "missing") {
    throw failed("the program `gh` is not there", {
      text: "save the issue in a file, and name that",
      command: "ralph plan --from issue.md",
    });
  }
  const login = { text: "see whether it is logged in", command: "gh auth status" };
  if (answer.kind !== "ended") throw failed(`\`gh\` did not answer (${answer.kind})`, login);
  if (answer.code !== 0) throw failed(`\`gh\` says: ${plain(answer.stderr, 300)}`, login);
  const read = issue.safeParse(jsonOf(answer.stdout));
  if (!read.success) throw failed("what `gh` printed is no issue", login);
  return `${read.data.title}\n\n${read.data.body}`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
