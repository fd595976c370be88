/** A question that is answered with yes or no. */
import { RalphError } from "../../error.ts";
import { shellWord } from "../../terminal/shell_word.ts";
import type { CommandContext } from "../command_context.ts";
import { answered } from "./answered.ts";

/**
 * Asks in the terminal; anything but a yes is a no. Throws `RalphError` (`usage`) where nobody can
 * answer, and `interrupted` when it is given up, which says `whenGivenUp`. `what`: as in "cannot ask
 * whether to <what>"; `command`: which takes `--yes` as the answer.
 * Not by Deno's own `confirm`, which fails where the standard input does not block (2.7.11, measured).
 */
export async function confirmed(
  { output: { out, inputIsTerminal } }: CommandContext,
  { message, what, command, byDefault, whenGivenUp }: {
    message: string;
    what: string;
    command: readonly string[];
    byDefault: boolean;
    whenGivenUp: string;
  },
): Promise<boolean> {
  if (!out.isTerminal || !inputIsTerminal) {
    throw new RalphError("usage", `cannot ask whether to ${what}: there is no terminal`, [
      { text: "say so beforehand", command: `ralph ${command.map(shellWord).join(" ")} --yes` },
    ]);
  }
  const { confirm } = await import("@clack/prompts");
  return answered(await confirm({ message, initialValue: byDefault }), whenGivenUp);
}
