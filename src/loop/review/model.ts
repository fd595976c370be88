/** What is asked of a reviewer, and what comes of it. */
import type { OutOf } from "../decide.ts";
import type { GateRecord, Usage } from "../../store/model.ts";
import type { Story } from "../../task/prd.ts";
import type { RefusedStory } from "../../verify/review/verdict.ts";

export interface ReviewRequest {
  iteration: number;
  /** After the run of all gates at the end. */
  final: boolean;
  stories: readonly Story[];
  /** What else the task says. */
  about?: string;
  gates: readonly GateRecord[];
  /** The commit that the work began from; undefined: before the first one. */
  since: string | undefined;
  /** That from which the session began, where it is known to be another. */
  sessionSince?: string;
  /** With what words the agent ended. */
  agentSaid?: string;
  /** What of the session is not booked yet: the turn that is judged. */
  unbooked?: Usage;
}

export type Reviewed =
  | { kind: "judged"; refused: readonly RefusedStory[] }
  /** The worker is to end, or a person wants a pause. */
  | { kind: "stopped" }
  /**
   * No verdict, which is no pass. `outOf`: the limit of the session that was reached; `away`: the server
   * is; `moved`: there was one, of work that has changed since.
   */
  | { kind: "none"; why: string; outOf?: OutOf; away?: boolean; moved?: boolean };

export interface Reviewer {
  /** Before each story counts as done, or once at the end. */
  readonly when: "story" | "end";
  review(request: ReviewRequest): Promise<Reviewed>;
}
