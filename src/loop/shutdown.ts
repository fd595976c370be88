/** Why a loop's signal is aborted, where no person stopped the session. */

/**
 * The worker has to go: a shutdown, a logout, `kill`. The session is left so that it can go on.
 */
export const SHUTDOWN = Symbol("shutdown");

/** Something failed that nobody expected, in a callback that nobody waits for. */
export class Crash {
  constructor(readonly error: unknown) {}
}

/** Whether the worker ends although nobody stopped the session. */
export function isShuttingDown({ aborted, reason }: AbortSignal): boolean {
  return aborted && (reason === SHUTDOWN || reason instanceof Crash);
}

/** Throws what failed, when that is why the signal was aborted. */
export function throwCrash({ reason }: AbortSignal): void {
  if (reason instanceof Crash) throw reason.error;
}
