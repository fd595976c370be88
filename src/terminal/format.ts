/** Numbers and times as people read them. */
export { count, plural } from "./plural.ts";

/** A duration: `0.8s`, `42s`, `3m 5s`, `2h 11m`. */
export function duration(ms: number): string {
  if (Number.isNaN(ms)) return "unknown";
  if (ms < 0) return "0s";
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

/**
 * How long ago something was, in one unit: `42s`, `12m`, `3h`, `6d`, and the date after a month.
 * A time in the future says that the clock was set back.
 */
export function age(then: number, now: number): string {
  const seconds = Math.floor((now - then) / 1000);
  if (Number.isNaN(seconds)) return "unknown";
  if (seconds < -1) return "clock moved";
  if (seconds < 60) return `${Math.max(0, seconds)}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  if (seconds < 30 * 86_400) return `${Math.floor(seconds / 86_400)}d`;
  return new Date(then).toISOString().slice(0, 10);
}

/** The same as a phrase: `3h ago`, `on 2026-10-20`, `clock moved`. */
export function ago(then: number, now: number): string {
  const text = age(then, now);
  if (/^\d+[smhd]$/.test(text)) return `${text} ago`;
  return /^\d/.test(text) ? `on ${text}` : text;
}

/** An amount of money as the server quoted it; unknown is unknown, not nothing. */
export function usd(amount: number | null | undefined): string {
  if (amount === null || amount === undefined) return "cost unknown";
  return `$${amount.toFixed(amount < 1 ? 4 : 2)}`;
}

const two = (value: number) => String(value).padStart(2, "0");

/** The time of day here: `14:02:11`. */
export function localTime(at: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "unknown";
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
}

/** A day here: `2026-11-20`. */
export function localDay(at: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "unknown";
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(two).join("-");
}

/** A moment with the zone that it is told in: `2026-11-20 14:02:11 +01:00`. */
export function localMoment(at: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "unknown";
  const ahead = -date.getTimezoneOffset();
  const zone = [Math.floor(Math.abs(ahead) / 60), Math.abs(ahead) % 60].map(two).join(":");
  return `${localDay(at)} ${localTime(at)} ${ahead < 0 ? "-" : "+"}${zone}`;
}
