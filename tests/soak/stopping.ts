/** A worker that is stopped and goes on: by SIGSTOP and SIGCONT, or with a laptop that sleeps. */
import { type Clock, sleep } from "../../src/clock.ts";
import type { Transport } from "../../src/opencode/http.ts";

export interface Stopping {
  /** Monotonic time at which it goes on, of the clock that all share. */
  readonly until: number;
  stopFor(ms: number): void;
  /** Timers that ring meanwhile ring when it goes on. */
  clock(clock: Clock): Clock;
  /** Replies that come meanwhile are read when it goes on. */
  transport(transport: Transport): Transport;
}

/** `world` is the clock that does not stop. */
export function createStopping(world: Clock): Stopping {
  let until = 0;
  const leftMs = () => until - world.monotonic();

  function after(clock: Clock, ms: number, callback: () => void): () => void {
    let cancel = clock.after(ms, ring);
    function ring(): void {
      if (leftMs() > 0) cancel = clock.after(leftMs(), ring);
      else callback();
    }
    return () => cancel();
  }

  return {
    get until() {
      return until;
    },
    stopFor: (ms) => until = Math.max(until, world.monotonic() + ms),
    clock: (clock) => ({ ...clock, after: (ms, callback) => after(clock, ms, callback) }),
    transport: (transport) => async (url, init) => {
      const reconciled = await Promise.allSettled([transport(url, init)]);
      if (leftMs() > 0) await sleep(world, leftMs());
      const [result] = reconciled;
      if (result.status === "rejected") throw result.reason;
      return result.value;
    },
  };
}
