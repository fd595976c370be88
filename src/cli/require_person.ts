import { RalphError } from "../error.ts";
import type { CommandContext } from "./command_context.ts";

/**
 * Throws `RalphError` (`usage`) in a shell of an agent, by OpenCode's own mark (1.1.53, 1.18.33, measured):
 * what counts as a person's is not for it. OpenCode 2 (a build of July 2026, measured) marks a person's
 * shell in its terminal in the same way as an agent's, which has no terminal. An agent that means to can
 * take the mark away.
 */
export function requirePerson({ environment, output }: CommandContext, command: string): void {
  const isAtTerminal = output.inputIsTerminal || output.out.isTerminal;
  const isMarked = environment("OPENCODE") === "1" ||
    (environment("OPENCODE_TERMINAL") === "1" && !isAtTerminal);
  if (!isMarked) return;
  throw new RalphError(
    "usage",
    `\`ralph ${command}\` is for a person, and this is an agent's shell`,
    [
      { text: "type it in a terminal of your own" },
    ],
  );
}
