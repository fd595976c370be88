/** What a person answered. */
import { RalphError } from "../../error.ts";

/**
 * The answer to a question of `@clack/prompts`, which has a symbol for Ctrl-C and Escape: they throw
 * `RalphError` (`interrupted`), which says what came of it.
 */
export function answered<Answer>(answer: Answer, whenGivenUp: string): Exclude<Answer, symbol> {
  if (typeof answer === "symbol") throw new RalphError("interrupted", whenGivenUp);
  return answer as Exclude<Answer, symbol>;
}
