/** Waiting for a provider that takes no requests for now. */
import { type Clock, sleep } from "../../clock.ts";

/** How soon a pause that a person asked for is noticed. */
const LOOK_MS = 1_000;

/**
 * Resolves at `until` (epoch milliseconds), after `limitMs`, or when `isOver` or `signal` says so: look
 * why. Goes by the wall clock, which goes on while the machine sleeps; the limit holds if that jumps.
 */
export async function waitForProvider(
  { clock, signal, until, limitMs, isOver }: {
    clock: Clock;
    signal: AbortSignal;
    until: number;
    limitMs: number;
    isOver: () => boolean;
  },
): Promise<void> {
  const end = clock.monotonic() + limitMs;
  while (!signal.aborted && !isOver()) {
    const leftMs = Math.min(until - clock.now(), end - clock.monotonic());
    if (leftMs <= 0) return;
    await sleep(clock, Math.min(LOOK_MS, leftMs), signal);
  }
}
