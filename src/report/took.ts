/** How long an iteration took. Pure. */
import type { Iteration } from "../store/model.ts";
import { duration } from "../terminal/format.ts";

type Times = Pick<Iteration, "startedAt" | "endedAt" | "durationMs">;

/**
 * In milliseconds. What was not measured is taken from the machine's clock; undefined for one that has
 * not ended, and where that clock was set back meanwhile.
 */
export function tookMs({ startedAt, endedAt, durationMs }: Times): number | undefined {
  if (endedAt === null) return undefined;
  const ms = durationMs ?? Date.parse(endedAt) - Date.parse(startedAt);
  return ms >= 0 ? ms : undefined;
}

/** The same in words; `-` for one that has not ended. */
export function tookWords(times: Times): string {
  const ms = tookMs(times);
  if (ms !== undefined) return duration(ms);
  if (times.endedAt === null) return "-";
  const isTime = Number.isFinite(Date.parse(times.startedAt) + Date.parse(times.endedAt));
  return isTime ? "clock moved" : "unknown";
}
