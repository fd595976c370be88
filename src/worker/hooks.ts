/** Commands of the user's that are told what happens: started, never waited for by the loop. */
import type { LoopEvent } from "../loop/event.ts";
import { plain } from "../terminal/plain.ts";
import { type HookCall, hookCalls, type HookSession } from "./hook_calls.ts";

/** Each is ended after this long (`host.ts`); what a fast loop starts meanwhile must not pile up. */
const AT_ONCE_MAX = 8;

export interface Hooks {
  /** Starts what this event is told to. Never throws, and waits for nothing. */
  see(event: LoopEvent): void;
  /** Resolves when all that was started has ended, and what failed was told. */
  ended(): Promise<void>;
}

/**
 * `run` resolves with why a command failed, in words; undefined when it did not. `onFailure` is told
 * that, as words that are safe to show.
 */
export function createHooks(
  { about, settings, os, run, onFailure }: {
    about: HookSession;
    settings: Parameters<typeof hookCalls>[2]["settings"];
    os: typeof Deno.build.os;
    run: (call: HookCall) => Promise<string | undefined>;
    onFailure: (text: string) => void;
  },
): Hooks {
  const running = new Set<Promise<void>>();

  async function tell(call: HookCall): Promise<void> {
    const why = await run(call).catch((error) => String(error));
    if (why !== undefined) onFailure(`${call.name}: ${plain(why, 300)}`);
  }

  return {
    see(event) {
      for (const call of hookCalls(event, about, { settings, os })) {
        if (running.size >= AT_ONCE_MAX) {
          onFailure(`${call.name}: not run, since ${AT_ONCE_MAX} others have not ended yet`);
          continue;
        }
        const told = tell(call).finally(() => running.delete(told));
        running.add(told);
      }
    },
    async ended() {
      await Promise.all(running);
    },
  };
}
