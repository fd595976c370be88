import { RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";
import { plural } from "../terminal/plural.ts";

/** A task that may be meant. */
interface Candidate {
  /** What to type for it. */
  path: string;
  /** What tells it from the others; safe to show. */
  about?: string;
}

/** Other words than those for several tasks. All are safe to show but `otherProject`. */
interface Asked {
  message: string;
  question: string;
  /** The root of the one project that has such a task. */
  otherProject: string;
}

const LISTED_MAX = 12;
const SHOWN_MAX = 200;

/** What was typed can mean several tasks. Where somebody can be asked, they are. */
export class AmbiguousTask extends RalphError {
  /** `what` is safe to show. `argument`: what was typed; undefined when nothing was. */
  constructor(
    what: string,
    readonly candidates: readonly Candidate[],
    readonly argument: string | undefined,
    readonly asked?: Asked,
  ) {
    super(
      "usage",
      asked?.message ??
        `${what} can mean ${plural(candidates.length, "task")}; name one by its path`,
      candidates.slice(0, LISTED_MAX).map(({ path, about }) => ({
        text: `${plain(path, SHOWN_MAX)}${about === undefined ? "" : ` (${about})`}`,
      })),
    );
  }

  /** The same with the command line that goes there, where it is one task of another project. */
  forCommand(typed: readonly string[]): RalphError {
    if (!this.asked) return this;
    const there = `cd ${shellWord(this.asked.otherProject)}`;
    const command = `${there} && ralph ${typed.map(shellWord).join(" ")}`;
    return new RalphError(this.kind, this.message, [{ text: "if that one is meant", command }]);
  }
}
