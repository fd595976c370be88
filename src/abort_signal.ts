/** Signals that abort work, linked by hand. */

/**
 * A controller whose signal also aborts with `signal`, for the same reason. Call `unlink` when done.
 * By hand, since `AbortSignal.any` can lose its listeners to the garbage collector (Deno 2.7.11,
 * measured).
 */
export function linkedController(signal?: AbortSignal): {
  signal: AbortSignal;
  abort: (reason?: unknown) => void;
  unlink: () => void;
} {
  const controller = new AbortController();
  const follow = () => controller.abort(signal?.reason);
  if (signal?.aborted) follow();
  signal?.addEventListener("abort", follow);
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    unlink: () => signal?.removeEventListener("abort", follow),
  };
}

/** What `work` resolves to. Undefined when `signal` aborts first: nobody waits for it any more. */
export async function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const giveUp = () => resolve(undefined);
  signal.addEventListener("abort", giveUp);
  if (signal.aborted) giveUp();
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
