/** What a person wants: said on the command line, in a file, or on the standard input. */
import * as path from "node:path";
import { RalphError } from "../../error.ts";
import { readFileIfAny } from "../../host/files/read_file.ts";
import { plain } from "../../terminal/plain.ts";
import type { CommandContext } from "../command_context.ts";
import { readInput } from "../output/streams.ts";
import { issueText } from "./github_issue.ts";

/** Of an idea: more is no idea, and would be read by the model each time. */
const BYTES_MAX = 200_000;

/** Throws `RalphError` (`usage`) where nothing is said, or it is said twice. */
export async function ideaFrom(
  context: CommandContext,
  { what, from, fromGh }: { what?: string; from?: string; fromGh?: number },
): Promise<string> {
  const given = [what, from, fromGh].filter((one) => one !== undefined);
  if (given.length > 1) {
    throw new RalphError(
      "usage",
      "what you want is said twice: say it as text, or name where it is",
    );
  }
  const text = what ??
    (from !== undefined
      ? await textFrom(context, from)
      : fromGh !== undefined
      ? await issueText(fromGh, context)
      : "");
  if (text.trim() === "") {
    throw new RalphError("usage", "it is not said what you want", [
      { text: "say it in your words", command: "ralph plan 'what I want'" },
      { text: "see other ways", command: "ralph plan --help" },
    ]);
  }
  if (text.length > BYTES_MAX) {
    throw new RalphError("usage", `what you want is longer than ${BYTES_MAX / 1000} kB`, [
      { text: "say what of it is to be done" },
    ]);
  }
  return text.trim();
}

async function textFrom(context: CommandContext, from: string): Promise<string> {
  if (from === "-") return await readInput();
  const place = path.resolve(context.cwd(), from);
  const bytes = readFileIfAny(place, BYTES_MAX);
  if (bytes === undefined) {
    throw new RalphError("usage", `cannot read ${plain(place, 200)}: there is no such file`);
  }
  return new TextDecoder().decode(bytes);
}
