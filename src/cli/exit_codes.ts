/** What each exit code means, and which error gets which: the one table. */
import type { ErrorKind } from "../error.ts";
import type { EndingSignal } from "../host/process/signals.ts";
import type { Status } from "../store/model.ts";

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  notFound: 4,
  conflict: 5,
  unavailable: 6,
  state: 7,
  unfinished: 8,
  notBegun: 9,
  bug: 70,
  interrupted: 130,
  terminated: 143,
} as const;
type ExitCode = typeof EXIT[keyof typeof EXIT];

/** In the order of the codes; codes are only ever added. */
export const MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.done, "done; for a session: completed"],
  [EXIT.failed, "failed, with a message that says why; for a session: stopped or failed"],
  [EXIT.usage, "the command line or the configuration is wrong"],
  [EXIT.notRunning, "the session has ended, and cannot be paused any more"],
  [EXIT.notFound, "no such task or session"],
  [EXIT.conflict, "something else has it: the task is running already"],
  [EXIT.unavailable, "the OpenCode server cannot be used"],
  [EXIT.state, "stored state cannot be read or written, or is newer than this ralph"],
  [EXIT.unfinished, "not finished yet: paused, or only one story was wanted, and passes"],
  [EXIT.notBegun, "a queued task was not run, for what became of others"],
  [EXIT.bug, "a bug in ralph"],
  [EXIT.interrupted, "ended by Ctrl-C, also in a question"],
  [EXIT.terminated, "ended by SIGTERM or SIGHUP"],
];

export function exitCodeOf(kind: ErrorKind): ExitCode {
  switch (kind) {
    case "usage":
      return EXIT.usage;
    case "not_found":
      return EXIT.notFound;
    case "conflict":
      return EXIT.conflict;
    case "unavailable":
      return EXIT.unavailable;
    case "state":
      return EXIT.state;
    case "failed":
      return EXIT.failed;
    case "interrupted":
      return EXIT.interrupted;
    case "terminated":
      return EXIT.terminated;
    default:
      return kind satisfies never;
  }
}

/** The exit code of a command that saw the session to its end. */
export function exitCodeOfSession(end: { status: Status; reason: string | null }): ExitCode {
  switch (end.status) {
    case "completed":
      return EXIT.done;
    case "checkpointed":
    case "running":
      return EXIT.unfinished;
    case "failed":
      return end.reason === "server_unreachable" ? EXIT.unavailable : EXIT.failed;
    case "stopped":
      return end.reason === "story_passes" ? EXIT.unfinished : EXIT.failed;
    default:
      // One that another ralph wrote: not known to be completed.
      end.status satisfies never;
      return EXIT.failed;
  }
}

/** Of several tasks: what failed counts before what was not run, and that before what is not finished. */
export function worstOf(codes: readonly ExitCode[]): ExitCode {
  const order = [EXIT.unavailable, EXIT.failed, EXIT.notBegun, EXIT.unfinished];
  return order.find((code) => codes.includes(code)) ?? EXIT.done;
}

/** The exit code of a command that a signal has ended, once all was put away. */
export function exitCodeOfSignal(name: EndingSignal): ExitCode {
  return name === "SIGINT" ? EXIT.interrupted : EXIT.terminated;
}
