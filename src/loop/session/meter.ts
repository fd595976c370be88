import type { LoopTools, SessionContext } from "../context.ts";
import { type Spent, spentWith } from "../limits.ts";

/** Tells what the session has used so far, by all its workers, and once what it cannot tell. */
export function meter(
  { store, clock, place, emit }: Pick<LoopTools, "store" | "clock" | "place" | "emit">,
  { lease, settings, begun }: Pick<SessionContext, "lease" | "settings"> & {
    begun: { ranBeforeMs: number };
  },
): () => Spent {
  const startedAt = clock.monotonic();
  let warned = false;
  return () => {
    const { usage, complete } = store.usage(lease.sessionId);
    const { costUsd } = settings.limits;
    if (!warned && costUsd !== undefined && (!complete || usage.unpricedCalls > 0)) {
      warned = true;
      const text = "the cost of some model calls is unknown: the limit of " +
        `$${costUsd} counts only what is known`;
      emit({ type: "warning", text });
    }
    const durationMs = begun.ranBeforeMs + clock.monotonic() - startedAt - place.waitedMs();
    return spentWith({ costUsd: 0, tokens: 0, durationMs }, usage);
  };
}
