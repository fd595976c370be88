/** What a worker is told, and what it answers: between `ralph run` and the process that it starts. */
import { type ErrorKind, type Hint, RalphError } from "../error.ts";
import type { LoopEvent } from "../loop/event.ts";
import type { SettingsPart } from "../settings/settings.ts";
import { plain } from "../terminal/plain.ts";
import { shellWord } from "../terminal/shell_word.ts";

/** What a background worker reads from its standard input. */
export interface WorkerInput {
  order: WorkerOrder;
  /** The systemd unit that it runs as; undefined for a detached process. */
  unit?: string;
  /**
   * The variables of the shell that it was started from. They come this way, and stay in its memory:
   * its environment is there for others to read.
   */
  variables: Readonly<Record<string, string>>;
  /** Names of those that its commands need: the setting. */
  gateEnv: readonly string[];
}

/** What a worker is to do. */
export interface WorkerOrder {
  taskDir: string;
  /** What the task is worked on in; undefined: what its folder is in. */
  projectRoot?: string;
  /** What the command line says; the other sources are read by the worker itself. */
  flags: SettingsPart;
  /** A person's answer to what blocked the agent. */
  said?: string;
  /** A person takes the work as done without evidence. */
  accepted: boolean;
  /** The id of the one story to work on; undefined: all, or that of a session that goes on. */
  only?: string;
  /** Goes on with the task's last session, although it was stopped or has failed. */
  resumes?: boolean;
  /** The task is at home, and is worked on in its worktree, which is made where it is not whole. */
  worktree?: {
    /** Where the tasks are at home whose work has to be in it. */
    dependsOn: readonly string[];
  };
}

export type SessionStarted = Extract<LoopEvent, { type: "session_started" }>;

/** The lines that a background worker prints: what it waits for, as often as that is new, then one more. */
export type WorkerReport =
  | { waiting: string }
  | { ready: SessionStarted }
  | { error: ReportedError };

interface ReportedError {
  kind: ErrorKind;
  message: string;
  hints: readonly Hint[];
  /** It was told to end before there was a session. */
  stopped: boolean;
  /** What its task depends on is not in its tree. */
  depends: boolean;
}

/** What a task depends on is not in the tree that it would work in, and so it is not begun. */
export class NotInTree extends RalphError {
  constructor(message: string, hints: readonly Hint[]) {
    super("conflict", message, hints);
  }
}

/** A worker was told to end while there was nothing yet to record. */
export class StoppedBefore extends RalphError {
  constructor(task: string) {
    super("failed", `\`${plain(task, 80)}\` was stopped before its session had begun`);
  }
}

/** A worker ended without a word, before its session had begun. */
export class EndedBefore extends RalphError {
  constructor(stderrPath: string) {
    super("failed", "the worker ended before it had begun", [
      { text: "see what it said", command: `cat ${shellWord(stderrPath)}` },
    ]);
  }
}

/** Reads what `ralph run` wrote, as one line. Throws `RalphError` (`failed`) for what was cut short. */
export function parseInput(text: string): WorkerInput {
  if (text.endsWith("\n")) return JSON.parse(text);
  throw new RalphError("failed", "the worker was not told what to do: its caller has ended");
}
