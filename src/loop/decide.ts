/** What to do next, decided from what is known now. Pure: the loop's whole policy is here. */
import { nextStory, type Story } from "../task/prd.ts";
import type { Outcome, Reason, Status } from "../registry/model.ts";

export interface Snapshot {
  /** What a person asked for since the last look. */
  request?: "stop" | "checkpoint";
  stories: readonly Story[];
  /** Outcomes of the session's iterations so far, oldest first. */
  outcomes: readonly Outcome[];
  maxIterations: number;
  /** What the last iteration ended with, in words. */
  lastDetail?: string;
}

export type Action =
  | { kind: "iterate"; number: number; story: Story }
  | { kind: "end"; status: Exclude<Status, "running">; reason: Reason; detail: string };

/**
 * As many errors in a row end the session: each has been retried by the server before, and a loop
 * that goes on costs money overnight and brings nothing.
 */
export const ERRORS_IN_ROW_MAX = 3;
/** As many iterations in a row that changed nothing end the session. */
export const NOTHING_IN_ROW_MAX = 3;

/**
 * Completion comes first, so that work done in the last iteration counts, then a person's wish,
 * then the limits.
 */
export function nextAction(snapshot: Snapshot): Action {
  const { stories, outcomes, maxIterations } = snapshot;
  if (stories.every((story) => story.passes)) {
    return {
      kind: "end",
      status: "completed",
      reason: "all_stories_pass",
      detail: stories.length === 1 ? "the story passes" : `all ${stories.length} stories pass`,
    };
  }
  if (snapshot.request === "stop") {
    return { kind: "end", status: "stopped", reason: "user_stop", detail: "stopped by a person" };
  }
  if (snapshot.request === "checkpoint") {
    return {
      kind: "end",
      status: "checkpointed",
      reason: "checkpoint",
      detail: "paused by a person; `ralph run` goes on with it",
    };
  }
  const errors = inRow(outcomes, ["error", "timeout"]);
  if (errors >= ERRORS_IN_ROW_MAX) {
    return {
      kind: "end",
      status: "failed",
      reason: "provider_error",
      detail: `${errors} iterations in a row ended in an error, the last with: ${
        snapshot.lastDetail ?? "unknown"
      }`,
    };
  }
  const nothing = inRow(outcomes, ["nothing"]);
  if (nothing >= NOTHING_IN_ROW_MAX) {
    return {
      kind: "end",
      status: "stopped",
      reason: "no_progress",
      detail: `${nothing} iterations in a row changed no file and passed no story`,
    };
  }
  const story = nextStory(stories);
  const open = stories.filter((story) => !story.passes).length;
  if (outcomes.length >= maxIterations) {
    return {
      kind: "end",
      status: "stopped",
      reason: "max_iterations",
      detail: `the limit of ${maxIterations} iterations is reached with ${open} of ` +
        `${stories.length} stories open`,
    };
  }
  if (!story) {
    // A PRD whose stories wait for each other in a circle is refused when it is read.
    throw new Error("stories are open, but none can be worked on");
  }
  return { kind: "iterate", number: outcomes.length + 1, story };
}

function inRow(outcomes: readonly Outcome[], wanted: readonly Outcome[]): number {
  const last = outcomes.findLastIndex((outcome) => !wanted.includes(outcome));
  return outcomes.length - 1 - last;
}
