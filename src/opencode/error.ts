import { type ErrorKind, type Hint, RalphError } from "../error.ts";

/** What is wrong with the server, or with a request to it. */
export type Problem =
  /** Nothing listens there, or the connection broke. */
  | "unreachable"
  /** No answer in time. */
  | "timeout"
  /** The password is wrong or missing. */
  | "unauthorized"
  /** Another user of this machine listens there: nothing was sent. */
  | "foreign"
  /** Something answers that is not OpenCode. */
  | "not_opencode"
  /** OpenCode says that it is not well. */
  | "unhealthy"
  /** OpenCode cannot use its own settings: no request in the directory succeeds. */
  | "misconfigured"
  /** OpenCode understood the request and declined it (HTTP 4xx). */
  | "refused"
  /** OpenCode, or a proxy in front of it, asks to be left alone for a while (HTTP 429). */
  | "overloaded"
  /** OpenCode failed (HTTP 5xx). */
  | "server_error"
  /** A reply that cannot be read. */
  | "malformed";

/** A request to OpenCode that did not succeed. Nothing of the server's reply is in it raw. */
export class OpenCodeError extends RalphError {
  override readonly name = "OpenCodeError";
  readonly problem: Problem;
  /** Whether the server may have done what was asked all the same. */
  readonly mayHaveArrived: boolean;
  /** Whether the same request may be made again, and is done once at most. */
  readonly repeatable: boolean;
  /** How long the server wants to be left alone, in milliseconds; 0 where it does not say. */
  readonly retryAfterMs: number;

  constructor(
    problem: Problem,
    message: string,
    options: {
      kind?: ErrorKind;
      hints?: readonly Hint[];
      cause?: unknown;
      mayHaveArrived?: boolean;
      repeatable?: boolean;
      retryAfterMs?: number;
    } = {},
  ) {
    super(options.kind ?? "unavailable", message, options.hints, { cause: options.cause });
    this.problem = problem;
    this.mayHaveArrived = options.mayHaveArrived ?? !DECLINED.has(problem);
    this.repeatable = options.repeatable ?? !this.mayHaveArrived;
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }

  /** The same of a request that is done once, however often it is made. */
  asRepeatable(): OpenCodeError {
    const { problem, message, kind, hints, mayHaveArrived, retryAfterMs } = this;
    const same = { kind, hints, mayHaveArrived, retryAfterMs };
    return new OpenCodeError(problem, message, { ...same, repeatable: true, cause: this });
  }

  /** Whether the same request may succeed later without anybody changing it or the password. */
  get mayPass(): boolean {
    return this.problem !== "refused" && this.problem !== "unauthorized";
  }
}

/** With these the server has said that it did nothing, or was not asked. */
const DECLINED: ReadonlySet<Problem> = new Set([
  "foreign",
  "refused",
  "unauthorized",
  "overloaded",
  "misconfigured",
]);

/** For requests whose failure is no matter: throws what is no `OpenCodeError`. */
export function ignoreServerFailure(error: unknown): undefined {
  if (!(error instanceof OpenCodeError)) throw error;
}
