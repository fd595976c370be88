import { plural, usd } from "./format.ts";

/** What was spent, with what was quoted, derived and unknown kept apart: `$0.12 + $0.03 derived`. */
export function costWords(
  { costUsd, derivedCostUsd, unpricedCalls }: {
    costUsd: number;
    derivedCostUsd: number;
    unpricedCalls: number;
  },
): string {
  const known = [
    ...costUsd > 0 ? [usd(costUsd)] : [],
    ...derivedCostUsd > 0 ? [`${usd(derivedCostUsd)} derived`] : [],
  ];
  if (unpricedCalls === 0) return known.join(" + ") || usd(0);
  if (known.length === 0) return usd(undefined);
  return [...known, `${plural(unpricedCalls, "call")} of unknown cost`].join(" + ");
}
