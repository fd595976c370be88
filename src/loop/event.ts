/** What the loop tells about itself while it works: for the screen, the log and `--json`. */
import type {
  ActivityKind,
  Note,
  Outcome,
  Reason,
  ReviewFinding,
  ReviewOutcome,
  Spent,
  Status,
  Told,
  Usage,
} from "../store/model.ts";
import type { SettingChange } from "./session/setting_changes.ts";
import type { Protection } from "../verify/protected/find_protected.ts";

export type LoopEvent =
  | {
    type: "session_started";
    session: number;
    task: string;
    server: string;
    maxIterations: number;
    /** Why an earlier session goes on, in words; absent for a new one. */
    continues?: string;
    /** The id of the one story that it is for; absent: it is for all. */
    only?: string;
    /** What is not as it was when the session before began, or this one when it goes on. */
    changes: readonly SettingChange[];
    /** What a person should know before it works. */
    warnings: readonly string[];
    /** What the session that goes on has worked and used before; usage is null where it is not known. */
    before?: { workedMs: number; usage: Usage | null };
    /** The limit on what it costs, where there is one. */
    maxCostUsd?: number;
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
  /** What it waits for; `until` in RFC 3339, where that is known: `text` says it too. */
  | { type: "activity"; kind?: ActivityKind; text: string; until?: string }
  /** A tool call: `running` is for a live view, the others come once each. */
  | {
    type: "tool";
    tool: string;
    title: string;
    status: "running" | "completed" | "error";
    /** It failed since a rule of the user's own settings denies it. */
    refused: boolean;
    /** Of a command that has ended; absent where OpenCode does not say. */
    exitCode?: number;
    subagent: boolean;
  }
  /** A piece of the agent's answer, complete. */
  | { type: "text"; text: string; subagent: boolean }
  /** The last line of what the agent is writing now, or what the loop does: for a live view only. */
  | { type: "writing"; line: string }
  /** What the iteration has used so far, and the model that answered last: for a live view only. */
  | { type: "used"; modelCalls: number; tokens: number; costUsd: number; model?: string }
  /** Something that a person should know; nothing stops. */
  | { type: "warning"; text: string }
  /** Which files are protected, and which the gates only run. */
  | { type: "protected" } & Protection
  /** What one run of a gate showed. */
  | { type: "gate"; name: string; passed: boolean; flaky: boolean; why: string; durationMs: number }
  /** A review is asked for. `model` null: the server's default. */
  | { type: "review_started"; stories: readonly string[]; model: string | null }
  /** What came of it; `detail` says the same in words. */
  | {
    type: "review";
    stories: readonly string[];
    outcome: ReviewOutcome;
    detail: string;
    findings: readonly ReviewFinding[];
    usage: Usage | null;
    durationMs: number;
  }
  /** A story that the agent said was done; `held` is null when that was not judged. */
  | { type: "claim"; story: string; held: boolean | null; why: string | null }
  /** Something that the loop found: in the PRD, of protected files, of tests, of git. */
  | { type: "note"; about: Note["about"]; text: string }
  /** What a person said, as it is told: to the turn at work, or with a prompt. */
  | { type: "said"; text: string; to: Told["how"] }
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
    task: string;
    status: Status;
    reason: Reason;
    detail: string;
    iterations: number;
    usage: Usage | null;
    /** The same as far as it is known. */
    spent?: Spent;
    /** Of its last worker. */
    durationMs: number;
    /** Of all its workers. */
    workedMs: number;
    /** Gates as they were when each ran last, and how many claims were taken back. */
    gates: readonly { name: string; passed: boolean }[];
    claimsTakenBack: number;
    /** What is in no commit, or keeps the work from the task's branch, in words. */
    left: readonly string[];
  };

/** Whether it is gone with the next one: several come in each second of an agent that writes. */
export function isForLiveView(event: LoopEvent): boolean {
  return event.type === "writing" || event.type === "used" ||
    event.type === "tool" && event.status === "running";
}

/** Takes the events as they come. Must not throw: telling never stops the work. */
export type Emit = (event: LoopEvent) => void;
