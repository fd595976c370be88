/** Waiting for a server that is away: systemd or a person brings it back, not ralph. */
import { type Clock, sleep } from "../clock.ts";
import type { OpenCode } from "../opencode/client.ts";
import { OpenCodeError } from "../opencode/error.ts";

const BACKOFF_MS = { first: 500, max: 15_000 };

/**
 * Resolves when the server answers as it should, or `signal` aborts: look at the signal after.
 * Throws the last `OpenCodeError` when it has not for `limitMs`, and at once when waiting cannot
 * help (a password that does not match).
 */
export async function waitForServer(
  { client, clock, signal, limitMs, onWaiting }: {
    client: OpenCode;
    clock: Clock;
    signal: AbortSignal;
    limitMs: number;
    /** Called once, when the server did not answer at the first try. */
    onWaiting: (error: OpenCodeError) => void;
  },
): Promise<void> {
  const end = clock.monotonic() + limitMs;
  for (let wait = 0; !signal.aborted; wait = Math.min(wait * 2, BACKOFF_MS.max)) {
    try {
      await client.health();
      return;
    } catch (error) {
      if (!(error instanceof OpenCodeError) || error.problem === "unauthorized") throw error;
      if (clock.monotonic() >= end) throw error;
      if (wait === 0) {
        onWaiting(error);
        wait = BACKOFF_MS.first;
      }
    }
    await sleep(clock, wait, signal);
  }
}
