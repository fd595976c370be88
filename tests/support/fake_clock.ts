/** A clock for simulations: hours pass as fast as the program can go. */
import { setImmediate } from "node:timers";
import type { Clock } from "../../src/clock.ts";

export interface VirtualClock extends Clock {
  /**
   * Lets time pass until `work` is settled: whenever nothing can go on without time, it jumps to the
   * next timer. Throws when there is none, since `work` would then hang forever.
   */
  run<T>(work: Promise<T>): Promise<T>;
  /** Time stands still while `work` goes on: for what takes real time, such as a process. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Moves the wall clock alone, as a person or NTP does. */
  setWall(now: number): void;
}

/**
 * Turns of the event loop after which nothing more comes of what has happened. A chain of promises
 * needs one; reading a `Blob` one more each time (2.7.11, 2.9.6, measured). The rest is margin.
 */
const TURNS = 10;

/** `now` is the wall time to begin with, in epoch milliseconds. */
export function createVirtualClock(now = Date.UTC(2026, 0, 1)): VirtualClock {
  let monotonic = 0;
  let wallAhead = now;
  let held = 0;
  let timers: { readonly at: number; readonly callback: () => void }[] = [];

  async function settle(isOver: () => boolean): Promise<void> {
    for (let turns = 0; turns < TURNS && !isOver(); turns = held > 0 ? 0 : turns + 1) {
      await new Promise<void>((resolve) => {
        if (held > 0) setTimeout(resolve, 1);
        else setImmediate(resolve);
      });
    }
  }

  return {
    now: () => wallAhead + monotonic,
    monotonic: () => monotonic,

    after(ms, callback) {
      const timer = { at: monotonic + Math.max(0, ms), callback };
      const later = timers.findIndex(({ at }) => at > timer.at);
      timers.splice(later < 0 ? timers.length : later, 0, timer);
      return () => timers = timers.filter((each) => each !== timer);
    },

    async run(work) {
      let over = false;
      const finish = () => over = true;
      work.then(finish, finish);
      for (;;) {
        await settle(() => over);
        if (over) return work;
        const next = timers.shift();
        if (!next) throw new Error("nothing is left to wait for, and the work is not done");
        monotonic = next.at;
        next.callback();
      }
    },

    async during(work) {
      held++;
      try {
        return await work;
      } finally {
        held--;
      }
    },

    setWall: (now) => wallAhead = now - monotonic,
  };
}
