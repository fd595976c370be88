import { type Parsed, parseDuration } from "../settings/values.ts";

/**
 * A moment in the past: so long ago (`10m`), a time of day here (`14:02`, the last one), or a date with
 * or without a time (`2026-11-20`, `2026-11-20 14:02`). Epoch milliseconds, as is `now`.
 */
export function parseSince(text: string, now: number): Parsed<number> {
  const duration = parseDuration(text);
  if ("value" in duration) return { value: now - duration.value };
  const [, hours, minutes, seconds = "0"] = /^(\d\d?):(\d\d)(?::(\d\d))?$/.exec(text) ?? [];
  if (hours !== undefined && Number(hours) < 24 && Number(minutes) < 60 && Number(seconds) < 60) {
    const date = new Date(now);
    date.setHours(Number(hours), Number(minutes), Number(seconds), 0);
    if (date.getTime() > now) date.setDate(date.getDate() - 1);
    return { value: date.getTime() };
  }
  // A date alone would be read as midnight in UTC.
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text);
  const isDate = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text);
  const at = isDate ? Date.parse(isDay ? `${text}T00:00` : text.replace(" ", "T")) : NaN;
  if (!Number.isNaN(at)) return { value: at };
  return { wanted: "a duration such as `10m`, a time such as `14:02`, or a date and time" };
}
