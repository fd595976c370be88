import type { Clock } from "../clock.ts";

/** Wakes a waiting loop before its time. */
export interface Bell {
  ring(): void;
  /** Waits `ms` milliseconds at most. True when the bell rang, also when it did so before. */
  wait(ms: number): Promise<boolean>;
}

export function createBell(clock: Clock): Bell {
  let rung = false;
  let wake = () => {};
  return {
    ring() {
      rung = true;
      wake();
    },
    async wait(ms) {
      if (!rung) {
        await new Promise<void>((resolve) => {
          const cancel = clock.after(ms, resolve);
          wake = () => {
            cancel();
            resolve();
          };
        });
      }
      const rang = rung;
      rung = false;
      return rang;
    },
  };
}
