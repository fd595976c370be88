/** What the loop tells about itself while it works: for the screen, the log and `--json`. */
import type { Outcome, Reason, Status, Usage } from "../registry/model.ts";

export type LoopEvent =
  | {
    type: "session_started";
    session: number;
    task: string;
    server: string;
    maxIterations: number;
    /** Why an earlier session goes on, in words; absent for a new one. */
    continues?: string;
    log: string;
  }
  | {
    type: "iteration_started";
    number: number;
    maxIterations: number;
    story: string;
    title: string;
    storiesOpen: number;
    storiesTotal: number;
  }
  | { type: "opencode_session"; id: string }
  /** What it waits for; `until` in RFC 3339, where that is known. */
  | { type: "activity"; text: string; until?: string }
  /** A tool call: `running` is for a live view, the others come once each. */
  | {
    type: "tool";
    tool: string;
    title: string;
    status: "running" | "completed" | "error";
    subagent: boolean;
  }
  /** A piece of the agent's answer, complete. */
  | { type: "text"; text: string; subagent: boolean }
  /** The last line of what the agent is writing now: for a live view only. */
  | { type: "writing"; line: string }
  /** What the iteration has used so far: for a live view only. */
  | { type: "used"; modelCalls: number; tokens: number; costUsd: number }
  /** What the agent asked while nobody was there, and what it was told. */
  | { type: "answered"; asked: string; answer: string }
  | {
    type: "iteration_ended";
    number: number;
    outcome: Outcome;
    detail: string;
    storiesPassed: readonly string[];
    commits: number | null;
    filesChanged: number | null;
    usage: Usage | null;
    durationMs: number;
  }
  | {
    type: "session_ended";
    session: number;
    status: Status;
    reason: Reason;
    detail: string;
    iterations: number;
    usage: Usage | null;
    durationMs: number;
  };

/** Takes the events as they come. Must not throw: telling never stops the work. */
export type Emit = (event: LoopEvent) => void;
