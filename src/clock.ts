/**
 * The clock as every room sees it. The real one is in `host/clock.ts`; tests bring their own.
 */
export interface Clock {
  /** Wall time in epoch milliseconds: stored and shown, may jump. */
  now(): number;
  /** Monotonic milliseconds: for durations and deadlines, never stored. */
  monotonic(): number;
  /** Calls `callback` once after `ms` milliseconds. Returns a function that cancels it. */
  after(ms: number, callback: () => void): () => void;
}

/** Resolves after `ms` milliseconds, or at once when `signal` aborts: look at the signal after. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.after(ms, finish);
    signal?.addEventListener("abort", finish);
  });
}

/**
 * A signal that aborts after `ms` milliseconds or together with `signal`. Call `cancel` when done.
 * By hand, since `AbortSignal.any` can lose its listeners to the garbage collector (Deno 2.7.11,
 * measured).
 */
export function deadline(
  clock: Clock,
  ms: number,
  signal?: AbortSignal,
): { signal: AbortSignal; cancel: () => void } {
  const controller = new AbortController();
  const follow = () => controller.abort(signal?.reason);
  const cancelTimer = clock.after(ms, () => {
    controller.abort(new DOMException(`no answer within ${ms} ms`, "TimeoutError"));
  });
  if (signal?.aborted) follow();
  signal?.addEventListener("abort", follow);
  return {
    signal: controller.signal,
    cancel() {
      cancelTimer();
      signal?.removeEventListener("abort", follow);
    },
  };
}
