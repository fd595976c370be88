/**
 * The one error that a user is meant to see: what was attempted, on what, why it failed, and what
 * to do about it. `cli/exit_codes.ts` turns its kind into an exit code.
 */

/** What went wrong, in the few classes that a caller can act on. */
export type ErrorKind =
  /** The command line or the configuration is wrong. */
  | "usage"
  /** There is no such task, session or OpenCode session. */
  | "not_found"
  /** Something else holds what is needed. */
  | "conflict"
  /** The OpenCode server cannot be used. */
  | "unavailable"
  /** Stored state is damaged, or newer than this program. */
  | "state"
  /** What was asked for was tried, and failed. */
  | "failed"
  /** A person gave a question up. */
  | "interrupted"
  /** A signal asked the program to end. */
  | "terminated";

/** Advice that follows an error. `command` can be pasted into a shell as it is. */
export interface Hint {
  text: string;
  command?: string;
}

export class RalphError extends Error {
  override readonly name: string = "RalphError";
  constructor(
    readonly kind: ErrorKind,
    message: string,
    readonly hints: readonly Hint[] = [],
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** git refused, or did not answer: nothing is said by that of the task. */
export class GitError extends RalphError {
  constructor(message: string, hints: readonly Hint[]) {
    super("failed", message, hints);
  }
}
