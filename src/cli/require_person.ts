import { RalphError } from "../error.ts";
import type { CommandContext } from "./command_context.ts";

/**
 * Throws `RalphError` (`usage`) in a shell of an agent, by OpenCode's own mark (1.1.53, 1.18.33, measured):
 * what counts as a person's is not for it. An agent that means to can take the mark away.
 */
export function requirePerson({ environment }: CommandContext, command: string): void {
  if (environment("OPENCODE") !== "1") return;
  throw new RalphError(
    "usage",
    `\`ralph ${command}\` is for a person, and this is an agent's shell`,
    [
      { text: "type it in a terminal of your own" },
    ],
  );
}
