type Falsy = false | 0 | "" | null | undefined;

/**
 * Polls `condition` every 10 ms until it returns something truthy, and returns that.
 * Throws after `timeoutMs` milliseconds (default 10 000), naming `what` was waited for.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: { what: string; timeoutMs?: number },
): Promise<Exclude<T, Falsy>> {
  const { what, timeoutMs = 10_000 } = options;
  const deadline = performance.now() + timeoutMs;
  while (true) {
    const value = await condition();
    if (value) return value as Exclude<T, Falsy>;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
