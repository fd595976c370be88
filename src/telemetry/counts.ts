/** The metrics of one worker: counts that only grow, and the sizes of what the model read and wrote. */
import type { Attributes, Histogram, Metrics, Sum } from "./model.ts";

/** Of `gen_ai.client.token.usage`, as the GenAI semantic conventions (1.38) advise. */
const TOKEN_BOUNDS = Array.from({ length: 14 }, (_, power) => 4 ** power);

export interface Counts {
  add(name: string, unit: string, value: number, attributes: Attributes): void;
  tokens(value: number, attributes: Attributes): void;
  now(): Metrics;
}

/** `sinceMs`: when counting began, in epoch milliseconds. */
export function createCounts(sinceMs: number): Counts {
  const sums = new Map<string, Sum>();
  const histograms = new Map<string, Histogram>();
  return {
    add(name, unit, value, attributes) {
      const key = JSON.stringify([name, attributes]);
      const before = sums.get(key)?.value ?? 0;
      sums.set(key, { name, unit, attributes, value: before + value });
    },
    tokens(value, attributes) {
      const key = JSON.stringify(attributes);
      const before = histograms.get(key);
      const counts = [...before?.counts ?? Array<number>(TOKEN_BOUNDS.length + 1).fill(0)];
      const at = TOKEN_BOUNDS.findIndex((bound) => value <= bound);
      counts[at < 0 ? TOKEN_BOUNDS.length : at] += 1;
      histograms.set(key, {
        name: "gen_ai.client.token.usage",
        unit: "{token}",
        attributes,
        bounds: TOKEN_BOUNDS,
        counts,
        sum: (before?.sum ?? 0) + value,
      });
    },
    now: () => ({ sinceMs, sums: [...sums.values()], histograms: [...histograms.values()] }),
  };
}
