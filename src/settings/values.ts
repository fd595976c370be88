/** Values as they are written in flags and variables. */
import { DURATION_MS_MAX, HOUR_MS, MINUTE_MS, SECOND_MS } from "./settings.ts";

/** A value; or, when the text is none, what is wanted: it completes `it must be …`. */
export type Parsed<T> = { readonly value: T } | { readonly wanted: string };

/** A model's name: what comes before the first `/` is the provider. */
export const MODEL = /^([^/]+)\/(.+)$/;

export const WANTED = {
  count: "a whole number from 1 up",
  model: "provider/model, as in `opencode models`",
} as const;

const DURATION = /^(?=.)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

/** `8h`, `90m`, `45s` or `1h30m`, in milliseconds: more than nothing, 24 days at most. */
export function parseDuration(text: string): Parsed<number> {
  if (/^\d{1,9}$/.test(text)) {
    return { wanted: `a duration with its unit: \`${text}m\`, \`${text}s\` or \`${text}h\`` };
  }
  const found = DURATION.exec(text);
  if (!found) return { wanted: "a duration such as `90m`, `8h`, `1h30m` or `45s`" };
  const [hours, minutes, seconds] = found.slice(1).map((digits) => Number(digits ?? 0));
  const ms = hours * HOUR_MS + minutes * MINUTE_MS + seconds * SECOND_MS;
  if (ms === 0) return { wanted: "longer than nothing" };
  if (ms > DURATION_MS_MAX) return { wanted: `${DURATION_MS_MAX / HOUR_MS}h (24 days) at most` };
  return { value: ms };
}

/** `5`, `5.50` or `$5`, in US dollars: more than nothing. */
export function parseMoney(text: string): Parsed<number> {
  const value = Number(/^\$?(\d{1,9}(?:\.\d+)?)$/.exec(text)?.[1]);
  return value > 0 ? { value } : { wanted: "an amount in US dollars, such as `5` or `5.50`" };
}

/** A whole number from 1 up. */
export function parseCount(text: string): Parsed<number> {
  const value = Number(text);
  const isCount = /^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0;
  return isCount ? { value } : { wanted: WANTED.count };
}

/** `provider/model`; a model's own name may hold more of `/`. */
export function parseModel(text: string): Parsed<{ providerId: string; modelId: string }> {
  const [, providerId, modelId] = MODEL.exec(text) ?? [];
  return providerId ? { value: { providerId, modelId } } : { wanted: WANTED.model };
}
