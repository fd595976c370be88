/** Whether a session may ask a provider that has had one wait. Pure. */
import type { ProviderLimit } from "../../store/model.ts";

type Standing =
  | { kind: "free" }
  /** It asks, and the others wait for what it is told. */
  | { kind: "first" }
  /** Until then, in epoch milliseconds. `isAsked`: another one asks now. */
  | { kind: "held"; until: number; isAsked: boolean };

/**
 * The one that was told asks first; should it have ended, whoever comes, and at once: a person may have
 * stopped it to mend what was wrong. Nobody is held for longer than
 * `leftMs`, which is what a session may still wait: such a word is not believed, but asked for.
 */
export function standingOf(
  limit: ProviderLimit | undefined,
  { session, now, leftMs }: { session: number; now: number; leftMs: number },
): Standing {
  if (!limit) return { kind: "free" };
  const { sessionId, until, firstUntil, isRunning } = limit;
  if (!isRunning || sessionId === session || firstUntil <= now) return { kind: "first" };
  if (firstUntil - now > leftMs) return { kind: "free" };
  return until > now
    ? { kind: "held", until, isAsked: false }
    : { kind: "held", until: firstUntil, isAsked: true };
}
