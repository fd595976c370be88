type Falsy = false | 0 | "" | null | undefined;

/**
 * Longer than a machine with other work needs for what takes a second on a quiet one: a limit for
 * what would hang, or take minutes, if it were wrong. How fast something is, `bench/` measures.
 */
export const GENEROUS_MS = 60_000;

/**
 * Polls `condition` every 10 ms until it returns something truthy, and returns that.
 * Throws after `timeoutMs` milliseconds (default: `GENEROUS_MS`), naming `what` was waited for.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: { what: string; timeoutMs?: number },
): Promise<Exclude<T, Falsy>> {
  const { what, timeoutMs = GENEROUS_MS } = options;
  const deadline = performance.now() + timeoutMs;
  while (true) {
    const value = await condition();
    if (value) return value as Exclude<T, Falsy>;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
