/** One process does all of a worker's work: what is long is done in parts. */
import { setImmediate } from "node:timers";

/** So many files looked at, without a wait, take some milliseconds. */
const FILES_IN_A_ROW = 200;

/** Lets timers, answers and signals through: a stop is one of them. */
export function letOthersRun(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/**
 * `work` of each of them, in their order, with a breath after every 200. Throws `signal.reason` when
 * aborted, before the next one.
 */
export async function mapInTurns<T, R>(
  items: readonly T[],
  work: (item: T) => R,
  signal?: AbortSignal,
): Promise<R[]> {
  const results: R[] = [];
  for (const [i, item] of items.entries()) {
    if (i % FILES_IN_A_ROW === FILES_IN_A_ROW - 1) await letOthersRun();
    signal?.throwIfAborted();
    results.push(work(item));
  }
  return results;
}
