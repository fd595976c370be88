import type { Gate } from "./gate.ts";
import type { LeftOut } from "./left_out.ts";
import type { Story } from "./prd.ts";

/** What there is to do, as it is now. */
export interface Agenda {
  readonly stories: readonly Story[];
  /** Gates of the PRD itself: they count for every story. */
  readonly gates: readonly Gate[];
  /** Stories that a person has taken out of the work. */
  readonly leftOut?: readonly LeftOut[];
  /** What else a person has to know of the PRD, one line each. */
  readonly remarks?: readonly string[];
  /** What the PRD says beside its stories, bounded. */
  readonly about?: string;
  /** Commands that the PRD names as checks, and that are no gates by that. */
  readonly offers?: readonly string[];
  /** How a story is claimed; undefined for a task without stories. */
  readonly format?: "json" | "markdown";
}
