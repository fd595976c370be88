/**
 * The clock as every module sees it. The real one is in `host/system/clock.ts`; tests bring their own.
 */
import { linkedController } from "./abort_signal.ts";

/** In epoch milliseconds: a later one is no date. */
export const TIME_MAX = Date.UTC(9999, 0);

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

/** A signal that aborts after `ms` milliseconds or together with `signal`. Call `cancel` when done. */
export function deadline(
  clock: Clock,
  ms: number,
  signal?: AbortSignal,
): { signal: AbortSignal; cancel: () => void } {
  const linked = linkedController(signal);
  const cancelTimer = clock.after(ms, () => {
    linked.abort(new DOMException(`no answer within ${ms} ms`, "TimeoutError"));
  });
  return {
    signal: linked.signal,
    cancel() {
      cancelTimer();
      linked.unlink();
    },
  };
}

/** A signal that aborts `ms` milliseconds after `signal` has. Call `cancel` when done. */
export function soonAfter(
  signal: AbortSignal,
  { clock, ms }: { clock: Clock; ms: number },
): { signal: AbortSignal; cancel: () => void } {
  const controller = new AbortController();
  let cancelTimer = () => {};
  const start = () => {
    cancelTimer = clock.after(ms, () => controller.abort());
  };
  if (signal.aborted) start();
  else signal.addEventListener("abort", start);
  return {
    signal: controller.signal,
    cancel() {
      signal.removeEventListener("abort", start);
      cancelTimer();
    },
  };
}
