import { RalphError } from "../error.ts";
import { plain } from "../terminal/plain.ts";
import { plural } from "../terminal/plural.ts";

/** A task that may be meant. */
interface Candidate {
  /** What to type for it. */
  path: string;
  /** What tells it from the others; safe to show. */
  about?: string;
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
  ) {
    super(
      "usage",
      `${what} can mean ${plural(candidates.length, "task")}; name one by its path`,
      candidates.slice(0, LISTED_MAX).map(({ path, about }) => ({
        text: `${plain(path, SHOWN_MAX)}${about === undefined ? "" : ` (${about})`}`,
      })),
    );
  }
}
