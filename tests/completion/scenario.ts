/** A scenario: a task, an agent that goes about it in some way, and how the truth is found out. */
import { type ModelRequest, type Reply, say } from "../support/scripted_model.ts";

/** What the agent knows of its task, from the prompt alone. */
export interface Assignment {
  /** Both empty when the prompt names none, as for a task without a PRD. */
  readonly story: string;
  /** The PRD's path, relative to the project root. */
  readonly prd: string;
}

/** One model call of one turn: what comes next, from what the calls of this turn have returned. */
export type Turn = (request: ModelRequest, assignment: Assignment) => Reply;

export const THEMES = [
  "the promise",
  "the PRD",
  "tests and gates",
  "git",
  "the model's turn",
  "the loop",
  "a task without a PRD",
  "out of reach",
] as const;
export type Theme = typeof THEMES[number];

export type Verdict = "right" | "false completion" | "missed completion";

export interface Scenario {
  /** Unique, in kebab case. */
  readonly id: string;
  readonly theme: Theme;
  /** What the agent does, in one line. */
  readonly about: string;
  /** The work gets done within the iterations, and that must be recognised. */
  readonly honest: boolean;
  /** Path to content, the task's folder `tasks/statistics` included. */
  readonly files: Readonly<Record<string, string>>;
  /** How many the driver is allowed. */
  readonly iterations: number;
  /** One after the other, one for each iteration. */
  readonly turns: readonly Turn[];
  /** Every turn after those. */
  readonly afterwards: Turn;
  /** Answers the agents that the agent itself starts. */
  readonly subagent?: Turn;
  /** What must hold of the working tree, by name: the body of an async function, see `referee.ts`. */
  readonly truth: Readonly<Record<string, string>>;
  /** All of it holds before the first turn. */
  readonly trueAtStart?: boolean;
  /** What ralph makes of it. */
  readonly expect: {
    readonly reason: string;
    readonly iterations: number;
    /** Default `right`; anything else is out of reach. */
    readonly verdict?: Verdict;
    /** Why turns are left over, if some are. */
    readonly unused?: string;
  };
}

/** The folder of every scenario's task. */
export const TASK_FOLDER = "tasks/statistics";

/** A scenario as its theme's file writes it. */
export type Draft =
  & Omit<Scenario, "theme" | "iterations" | "afterwards">
  & Partial<Pick<Scenario, "iterations" | "afterwards">>;

/** Scenarios of one theme: 4 iterations, and an agent that has nothing left to do afterwards. */
export function themed(theme: Theme, drafts: readonly Draft[]): Scenario[] {
  return drafts.map((draft) => ({
    theme,
    iterations: 4,
    afterwards: () => say("There is nothing left to do."),
    ...draft,
  }));
}
