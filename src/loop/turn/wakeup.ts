import type { Clock } from "../../clock.ts";

/** Wakes a waiting loop before its time. */
export interface Wakeup {
  wake(): void;
  /** Waits `ms` milliseconds at most. True when it was woken, also when it did so before. */
  wait(ms: number): Promise<boolean>;
}

export function createWakeup(clock: Clock): Wakeup {
  let woken = false;
  let resume = () => {};
  return {
    wake() {
      woken = true;
      resume();
    },
    async wait(ms) {
      if (!woken) {
        await new Promise<void>((resolve) => {
          const cancel = clock.after(ms, resolve);
          resume = () => {
            cancel();
            resolve();
          };
        });
      }
      const wasWoken = woken;
      woken = false;
      return wasWoken;
    },
  };
}
