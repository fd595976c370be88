import { RalphError } from "../error.ts";
import { didYouMean } from "../task/did_you_mean.ts";
import { likely } from "./synonyms.ts";
import { plain } from "../terminal/plain.ts";

/** The error for a command that there is not. `known`: the names of those that there are. */
export function unknownCommand(name: string, known: readonly string[]): RalphError {
  const near = likely(name) ?? didYouMean(name, known);
  return new RalphError("usage", `there is no command \`${plain(name, 80)}\``, [
    ...(near === undefined ? [] : [{ text: `did you mean \`${near}\`?` }]),
    { text: "see what there is", command: "ralph --help" },
  ]);
}
