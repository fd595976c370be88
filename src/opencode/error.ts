import { type ErrorKind, type Hint, RalphError } from "../error.ts";

/** What is wrong with the server, or with a request to it. */
export type Problem =
  /** Nothing listens there, or the connection broke. */
  | "unreachable"
  /** No answer in time. */
  | "timeout"
  /** The password is wrong or missing. */
  | "unauthorized"
  /** Something answers that is not OpenCode. */
  | "not_opencode"
  /** OpenCode says that it is not well. */
  | "unhealthy"
  /** OpenCode understood the request and declined it (HTTP 4xx). */
  | "refused"
  /** OpenCode failed (HTTP 5xx). */
  | "server_error"
  /** A reply that cannot be read. */
  | "garbled";

/** A request to OpenCode that did not succeed. Nothing of the server's reply is in it raw. */
export class OpenCodeError extends RalphError {
  override readonly name = "OpenCodeError";
  readonly problem: Problem;

  constructor(
    problem: Problem,
    message: string,
    options: { kind?: ErrorKind; hints?: readonly Hint[]; cause?: unknown } = {},
  ) {
    super(options.kind ?? "unavailable", message, options.hints, { cause: options.cause });
    this.problem = problem;
  }
}
