/** A provider that takes no requests for now: when to ask again, and for how long in all. Pure. */

/** Times in epoch milliseconds. */
export interface Refusal {
  /** When the provider began to refuse. */
  readonly at: number;
  /** When to ask again. */
  readonly until: number;
  /** Until when the provider said that it refuses. */
  readonly named?: number;
  /** The model had given nothing before: such an iteration costs none. */
  readonly free: boolean;
}

type Past = readonly { readonly refusal?: Refusal }[];

const AGAIN_MS = { first: 5_000, max: 15 * 60_000 };

/**
 * The refusal that ended a turn. The provider is asked again when it said so (`named`, epoch
 * milliseconds), and each time later: one that names a short time again and again would make
 * iterations without end.
 */
export function refusalOf(
  { now, tokens, gaveNothing = false, refusedBefore, refusedMs = 0 }: {
    now: number;
    /** That the turn used; undefined when that is not known. */
    tokens?: number;
    /** The model gave nothing to work with, whatever was counted for that. */
    gaveNothing?: boolean;
    /** How many iterations in a row ended so before. */
    refusedBefore: number;
    /** How long OpenCode had asked in vain by itself. */
    refusedMs?: number;
  },
  named?: number,
): Refusal {
  const againMs = Math.min(AGAIN_MS.first * 2 ** refusedBefore, AGAIN_MS.max);
  return {
    at: now - refusedMs,
    until: Math.max(named ?? 0, now + againMs),
    ...named !== undefined && { named },
    free: gaveNothing || tokens === 0,
  };
}

/** How many of the last iterations ended so. */
export function refusalsInRow(past: Past): number {
  return past.length - 1 - past.findLastIndex(({ refusal }) => !refusal);
}

/** How many iterations do not count. */
export function freeIterations(past: Past): number {
  return past.filter(({ refusal }) => refusal?.free).length;
}

/**
 * From the first refusal since the model last answered to the end of the wait that the last
 * iteration asks for, in milliseconds; 0 when that was not refused.
 */
export function refusedMs(past: Past): number {
  const answered = past.findLastIndex(({ refusal }) => !refusal?.free);
  const first = past[answered]?.refusal ?? past[answered + 1]?.refusal;
  const last = past.at(-1)?.refusal;
  return first && last ? last.until - first.at : 0;
}
